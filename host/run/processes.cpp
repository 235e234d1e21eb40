#include "run/processes.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <chrono>
#include <exception>

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

std::unique_ptr<distributed::World> meet(const launch::Ranks& ranks, const launch::Meeting& meeting,
                                         const config::RunConfig& config) {
  if (ranks.launcher == launch::Launcher::none) return std::make_unique<distributed::World>();
  if (ranks.rank == 0 && ranks.world > 1)
    log_info(fmt::format("rank 0 of {}: waiting for the others at {}{}", ranks.world, meeting.address,
                         meeting.port > 0 ? fmt::format(":{}", meeting.port) : ""));
  return std::make_unique<distributed::World>(ranks, meeting, config.dist_timeout.value_or(kCollectiveTimeout));
}

std::string digest_of(const std::string& path) {
  const Mapping file{RegularFile(path)};
  return sha256_hex(file.bytes().data(), file.bytes().size());
}

// Of what one build of the program is: digests of the executable and the core.
std::string program_digest() {
  return fmt::format("{} {}", digest_of("/proc/self/exe"), digest_of(library_folder() + "/libselfsup-core.so"));
}

[[noreturn]] void end_by_verdict(const std::string& text) {
  log_error(text);
  plugin::end_now(static_cast<int>(Exit::peer));
}

}  // namespace

Processes::Processes(const Prepared& prepared, const Settings& settings) : head_(environment_text()) {
  const launch::Ranks& ranks = prepared.ranks;
  const launch::Meeting meeting =
      launch::find_meeting(ranks, settings.asked_ranks, settings.stated_port, launch::this_environment());
  if (ranks.launcher != launch::Launcher::none) head_ = fmt::format("{}\n{}", head_, ranks_text(ranks, meeting));
  world = meet(ranks, meeting, settings.config);
  if (group().world() == 1) return;
  distributed::Limits limits;
  if (settings.config.dist_timeout) limits.still = *settings.config.dist_timeout;
  monitor_ =
      std::make_unique<distributed::Monitor>(*world->rendezvous(), world->ranks(), progress, limits, end_by_verdict);
  std::vector<std::pair<std::string, std::string>> facts = {
      {"selfsup-host", SELFSUP_VERSION}, {"LibTorch", TORCH_VERSION}, {"the program's files", program_digest()}};
  for (const plugin::Plugin& plugin : prepared.registry->plugins())
    facts.emplace_back(fmt::format("plugin {}", plugin.file.note.id), plugin.sha256);
  facts.emplace_back("the resolved configuration", to_text(prepared.config, 2));
  agree(facts);
}

void Processes::agree(const std::vector<std::pair<std::string, std::string>>& facts) const {
  distributed::agree(group(), facts);
}

Exit Processes::blaming(const std::function<Exit()>& part) {
  try {
    return part();
  } catch (const Error& error) {
    if (error.exit() != Exit::peer || !monitor_ || blamed_) throw;
    blamed_ = true;
    throw monitor_->blame(error.what());
  }
}

Exit Processes::run(const std::function<Exit()>& body) {
  if (!monitor_) return body();
  try {
    const Exit exit = blaming(body);
    progress.enter(distributed::Phase::end, progress.seen().iter);
    // Nobody leaves before the first rank has written its last file: srun and others end all ranks when one has gone.
    blaming([&] {
      group().any(false);
      return exit;
    });
    return exit;
  } catch (const Error& error) {
    if (error.exit() != Exit::peer) monitor_->tell_failure(error.exit(), error.what());
    throw;
  } catch (const c10::Error& error) {
    monitor_->tell_failure(Exit::failed, error.what_without_backtrace());
    throw;
  } catch (const std::exception& error) {
    monitor_->tell_failure(Exit::failed, error.what());
    throw;
  }
}

}  // namespace selfsup::run
