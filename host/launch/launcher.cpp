#include "launch/launcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/errors.h"
#include "base/log.h"
#include "launch/plan.h"
#include "launch/port.h"
#include "launch/process.h"
#include "launch/signal_queue.h"

namespace selfsup::launch {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void close() {
    if (number >= 0) ::close(number);
    number = -1;
  }

  int number;
};

// One start of all ranks of this machine, and its end.
class Attempt {
 public:
  Attempt(const Local& local, const Plan& plan, int number, SignalQueue& signals)
      : local_(local), plan_(plan), number_(number), signals_(signals) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
      throw Error(Exit::failed, fmt::format("no pipe to be had: {}", std::strerror(errno)));
    commits_.number = ends[0], commits_of_rank_.number = ends[1];
    port_ = plan.port ? plan.port->value : 0;
    if (plan.nodes == 1 && plan.local_world > 1) {
      const Listener opened = listen_on_loopback(port_, plan.port ? plan.port->from : "");
      listener_.number = opened.descriptor, port_ = opened.port;
    }
  }

  Outcome run(Begin begin) {
    Team team(local_.grace);
    announce();
    Start start;
    start.program = local_.program;
    start.words = local_.words(begin);
    start.mask = signals_.mask_before();
    for (int i = 0; i < plan_.local_world; ++i) {
      const int rank = plan_.node * plan_.local_world + i;
      start.environment = environment_of(rank, i);
      start.descriptors.clear();
      for (const Descriptor* one : {&listener_, &commits_of_rank_})
        if (rank == 0 && one->number >= 0) start.descriptors.push_back(one->number);
      team.add(rank, start_process(start));
    }
    // Rank 0 alone has them now: its end is seen by those who are connected, and by nobody else.
    listener_.close(), commits_of_rank_.close();
    return team.watch(signals_, commits_.number);
  }

 private:
  void announce() const {
    const int first = plan_.node * plan_.local_world;
    std::string text = fmt::format("starting {} of {} ranks here, {} to {}", plan_.local_world, plan_.world(), first,
                                   first + plan_.local_world - 1);
    if (plan_.world() > 1)
      text += fmt::format("; they meet at {}:{} ({})", plan_.address, port_,
                          plan_.port ? plan_.port->from : "a port that was free");
    log_info(text);
  }

  std::vector<std::string> environment_of(int rank, int local_rank) const {
    Environment environment = this_environment();
    for (const char* name : {"SELFSUP_LISTENER", "SELFSUP_COMMITS"}) environment.erase(name);
    environment["SELFSUP_LAUNCHER"] = name_of(Launcher::local);
    environment["SELFSUP_JOB"] = number_ == 0 ? plan_.job : fmt::format("{}/{}", plan_.job, number_);
    environment["RANK"] = std::to_string(rank);
    environment["WORLD_SIZE"] = std::to_string(plan_.world());
    environment["LOCAL_RANK"] = std::to_string(local_rank);
    environment["LOCAL_WORLD_SIZE"] = std::to_string(plan_.local_world);
    environment["MASTER_ADDR"] = plan_.address;
    environment["MASTER_PORT"] = std::to_string(port_);
    if (rank == 0) {
      environment["SELFSUP_COMMITS"] = std::to_string(commits_of_rank_.number);
      if (listener_.number >= 0) environment["SELFSUP_LISTENER"] = std::to_string(listener_.number);
    }
    std::vector<std::string> texts;
    for (const auto& [name, value] : environment) texts.push_back(name + "=" + value);
    return texts;
  }

  const Local& local_;
  const Plan& plan_;
  int number_, port_ = 0;
  SignalQueue& signals_;
  Descriptor commits_, commits_of_rank_, listener_;
};

// Whether it passed without a wish to stop; else that signal is in `stop`.
bool wait_in_peace(SignalQueue& signals, std::chrono::milliseconds duration, int& stop) {
  const auto end = std::chrono::steady_clock::now() + duration;
  for (;;) {
    while (const auto signal = signals.next()) {
      if (signal->number == SIGTSTP) suspend_this_process();
      if (asks_to_stop(signal->number)) {
        stop = signal->number;
        return false;
      }
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    if (left <= 0) return true;
    pollfd ready{signals.descriptor(), POLLIN, 0};
    ::poll(&ready, 1, static_cast<int>(left));
  }
}

}  // namespace

int run_ranks(const Local& local, const Asked& asked, const Stated& stated) {
  constexpr int most_in_vain = 3;
  std::signal(SIGPIPE, SIG_IGN);  // nobody reads its messages any more, and it has ranks to watch
  const Plan plan = settle(asked, stated, this_environment());
  SignalQueue signals;
  bool committed = false;
  int in_vain = 0;  // restarts since the last checkpoint
  for (int attempt = 0;; ++attempt) {
    const Begin begin = attempt == 0 ? Begin::first : committed ? Begin::onward : Begin::again;
    const Outcome outcome = Attempt(local, plan, attempt, signals).run(begin);
    if (outcome.commits > 0) committed = true, in_vain = 0;
    if (!outcome.culprit.empty()) log_error(outcome.culprit);
    if (!outcome.lost || outcome.stop_asked != 0 || attempt == plan.max_restarts) return outcome.code;
    if (in_vain == most_in_vain) {
      log_error(fmt::format("{} restarts in a row came to no new checkpoint: giving up", most_in_vain));
      return outcome.code;
    }
    const auto pause = local.back_off * (1 << in_vain++);
    log_warning(fmt::format("restart {} of {}, in {} s, from {}", attempt + 1, plan.max_restarts,
                            std::chrono::duration<double>(pause).count(),
                            committed ? "the newest checkpoint" : "where this run began"));
    int stop = 0;
    if (!wait_in_peace(signals, pause, stop))
      return static_cast<int>(stop == SIGINT ? Exit::interrupted : Exit::preempted);
  }
}

}  // namespace selfsup::launch
