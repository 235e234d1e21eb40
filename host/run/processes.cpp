#include "run/processes.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "base/install.h"
#include "base/log.h"
#include "base/mapping.h"
#include "distributed/agreement.h"
#include "launch/ranks.h"
#include "plugin/ending.h"
#include "run/environment.h"

namespace selfsup::run {
namespace {

std::shared_ptr<const distributed::Rendezvous> meet(const launch::Ranks& ranks, const launch::Meeting& meeting,
                                                    std::chrono::milliseconds timeout) {
  if (ranks.rank == 0 && ranks.world > 1)
    log_info(fmt::format("rank 0 of {}: waiting for the others at {}{}", ranks.world, meeting.address,
                         meeting.port > 0 ? fmt::format(":{}", meeting.port) : ""));
  return std::make_shared<const distributed::Rendezvous>(ranks, meeting,
                                                         distributed::World::patience(meeting, timeout));
}

std::string digest_of(const std::string& path) {
  const Mapping file{RegularFile(path)};
  return sha256_hex(file.bytes().data(), file.bytes().size());
}

// Of what one build of the program is: digests of the executable and the core.
std::string program_digest() {
  return fmt::format("{} {}", digest_of("/proc/self/exe"), digest_of(library_folder() + "/libselfsup-core.so"));
}

// What all ranks must have in common before they look at any image.
distributed::Facts common(const Prepared& prepared) {
  distributed::Facts facts = {
      {"selfsup-host", SELFSUP_VERSION}, {"LibTorch", TORCH_VERSION}, {"the program's files", program_digest()}};
  for (const plugin::Plugin& plugin : prepared.registry->plugins())
    facts.emplace_back(fmt::format("plugin {}", plugin.file.note.id), plugin.sha256);
  facts.emplace_back("the resolved configuration", to_text(prepared.config, 2));
  return facts;
}

// The training thread may hold the log, or standard error may be a pipe that nobody reads: the end does not wait for
// it.
[[noreturn]] void end_by_verdict(const std::string& text) {
  std::thread([] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    plugin::end_now(static_cast<int>(Exit::peer));
  }).detach();
  log_error(text);
  plugin::end_now(static_cast<int>(Exit::peer));
}

// All ranks come to it by themselves, at about the same time.
bool is_of_all(Exit exit) {
  switch (exit) {
    case Exit::usage:
    case Exit::plugin:
    case Exit::data:
    case Exit::checkpoint:
    case Exit::diverged:
    case Exit::disagree:
      return true;
    case Exit::ok:
    case Exit::failed:
    case Exit::storage:
    case Exit::preempted:
    case Exit::peer:
    case Exit::interrupted:
      break;
  }
  return false;
}

std::atomic<int> code_of_end{0};

// Before a rank other than a machine's first says what it has come to: the first one has said it and ended, and
// torchrun, mpirun, srun with --kill-on-bad-exit and our launcher tell the others to end then. So it ends without a
// word.
void let_first_say(Exit exit, std::chrono::milliseconds time) {
  code_of_end = static_cast<int>(exit);
  const auto before = std::signal(SIGTERM, [](int) { plugin::end_now(code_of_end); });
  std::this_thread::sleep_for(time);
  std::signal(SIGTERM, before);
}

// Also where it is not known: then somebody has to say so.
bool first_of_machine(const launch::Asked& asked) {
  try {
    return launch::find_ranks(asked, launch::this_environment()).local_rank == 0;
  } catch (const Error&) {
    return true;
  }
}

}  // namespace

void until_met(const launch::Asked& asked, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    // They may have begun seconds apart.
    if (is_of_all(error.exit()) && !first_of_machine(asked)) let_first_say(error.exit(), std::chrono::seconds(3));
    throw;
  }
}

Processes::Processes(const Prepared& prepared, const Settings& settings)
    : head_(environment_text()), first_here_(prepared.ranks.local_rank == 0) {
  const launch::Ranks& ranks = prepared.ranks;
  if (ranks.launcher == launch::Launcher::none) {
    world = std::make_unique<distributed::World>();
    return;
  }
  const std::chrono::milliseconds timeout = settings.config.dist_timeout.value_or(kCollectiveTimeout);
  until_met(settings.asked_ranks, [&] {
    const launch::Meeting meeting =
        launch::find_meeting(ranks, settings.asked_ranks, settings.stated_port, launch::this_environment());
    head_ = fmt::format("{}\n{}", head_, ranks_text(ranks, meeting));
    rendezvous_ = meet(ranks, meeting, timeout);
  });
  if (ranks.world > 1) {
    distributed::Limits limits;
    if (settings.config.dist_timeout) limits.still = *settings.config.dist_timeout;
    monitor_ = std::make_unique<distributed::Monitor>(*rendezvous_, ranks, progress, limits, end_by_verdict);
  }
  run([&] {
    world = std::make_unique<distributed::World>(ranks, rendezvous_, timeout);
    agree(common(prepared));
    return Exit::ok;
  });
}

void Processes::agree(const std::vector<std::pair<std::string, std::string>>& facts) const {
  distributed::agree(group(), facts);
}

Exit Processes::blaming(const std::function<Exit()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    const bool lost = error.exit() == Exit::peer || (world && world->lost_others());
    if (!lost || !monitor_ || blamed_) throw;
    blamed_ = true;
    throw monitor_->blame(error.what());
  }
}

void Processes::tell(Exit exit, const std::string& text) {
  if (std::exchange(told_, true)) return;
  monitor_->tell_failure(exit, text);  // nothing where it is told who is to blame
  // Half of the time that ranks have to come to the same error before they end for this one's.
  if (!first_here_ && is_of_all(exit)) let_first_say(exit, std::chrono::milliseconds(500));
}

Exit Processes::run(const std::function<Exit()>& body) {
  if (!monitor_) return body();
  try {
    return blaming(body);
  } catch (const Error& error) {
    tell(error.exit(), error.what());
    throw;
  } catch (const c10::Error& error) {
    tell(Exit::failed, error.what_without_backtrace());
    throw;
  } catch (const std::exception& error) {
    tell(Exit::failed, error.what());
    throw;
  }
}

void Processes::part() {
  if (!monitor_) return;
  progress.enter(distributed::Phase::end, progress.seen().iter);
  group().any(false);
}

}  // namespace selfsup::run
