#include "launch/team.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "base/errors.h"
#include "launch/commits.h"
#include "launch/process.h"

namespace selfsup::launch {
namespace {

constexpr int peer = static_cast<int>(Exit::peer);

// The state is saved, and the others may still be at it.
bool stopped_and_saved(int code) {
  return code == static_cast<int>(Exit::preempted) || code == static_cast<int>(Exit::interrupted);
}

}  // namespace

Team::~Team() {
  for (const Member& member : members_)
    if (member.alive) signal_group(member.pid, SIGKILL);
  for (const Member& member : members_)
    if (member.alive) ::waitpid(member.pid, nullptr, 0);
}

bool Team::any_alive() const {
  return std::any_of(members_.begin(), members_.end(), [](const Member& member) { return member.alive; });
}

void Team::pass_on(int signal) {
  last_passed_ = signal;
  if (asks_to_stop(signal)) {
    // A rank takes what comes within half a second for one wish.
    const auto now = Clock::now();
    if (stops_passed_ == 0 || now - stop_passed_at_ > std::chrono::milliseconds(500)) ++stops_passed_;
    stop_passed_at_ = now;
    stop_asked_ = signal;
  }
  for (const Member& member : members_)
    if (member.alive) ::kill(member.pid, signal);
}

void Team::suspend() {
  for (const Member& member : members_)
    if (member.alive) signal_group(member.pid, SIGSTOP);
  suspended_at_ = Clock::now();
  suspend_this_process();
  resume();
}

void Team::resume() {
  for (const Member& member : members_)
    if (member.alive) signal_group(member.pid, SIGCONT);
  if (!suspended_at_) return;
  const auto suspended = Clock::now() - *suspended_at_;
  suspended_at_.reset();
  for (auto* moment : {&term_at_, &kill_at_})
    if (*moment) **moment += suspended;
}

void Team::note_end(Member& member, int status) {
  member.alive = false;
  const bool exited = WIFEXITED(status);
  const int code = exited ? WEXITSTATUS(status) : peer, signal = exited ? 0 : WTERMSIG(status);
  if (exited && code == 0) return;
  // 130 is also 128 + SIGINT, of a rank that was told twice.
  const bool told_twice = code == 128 + SIGINT && stops_passed_ > 1;
  if (exited && stopped_and_saved(code) && !told_twice) {
    if (stopped_ == 0) stopped_ = code;
    return;
  }
  // What this process has brought about itself is nobody's failure.
  if (member.killed_here || (ending_ && (signal == SIGTERM || code == 128 + SIGTERM))) return;
  const bool asked = last_passed_ != 0 && (signal == last_passed_ || code == 128 + last_passed_);
  const Failure failure{&member, asked ? 128 + last_passed_ : code, signal, asked};
  // 76 says that another one has failed: if that one says more before all have ended, it is the one to be named.
  const bool names_another = culprit_ && culprit_->code == peer && culprit_->signal == 0;
  if (!culprit_ || (names_another && (signal != 0 || code != peer))) culprit_ = failure;
  end_others(failure);
}

void Team::end_others(const Failure& failure) {
  const auto now = Clock::now();
  const bool says_another = failure.code == peer && failure.signal == 0;
  const bool lost = failure.code == peer;
  const auto term = now + (says_another ? grace_.for_culprit : Clock::duration::zero());
  const auto kill = now + (lost ? grace_.after_loss : grace_.after_error);
  if (!ending_) term_at_ = std::min(term_at_.value_or(term), term);
  kill_at_ = std::min(kill_at_.value_or(kill), kill);
}

void Team::collect(pid_t first) {
  const auto look = [this](Member& member) {
    int status = 0;
    if (member.alive && reap(member.pid, status)) note_end(member, status);
  };
  for (Member& member : members_)
    if (member.pid == first) look(member);
  for (Member& member : members_) look(member);
}

void Team::kill_here(Member& member) {
  member.killed_here = true;
  signal_group(member.pid, SIGKILL);
}

void Team::act_on_time() {
  const auto now = Clock::now();
  if (term_at_ && now >= *term_at_) {
    term_at_.reset();
    ending_ = true;
    for (Member& member : members_) {
      if (!member.alive) continue;
      ::kill(member.pid, SIGTERM);
      if (is_stopped(member.pid)) kill_here(member);
    }
  }
  if (kill_at_ && now >= *kill_at_) {
    kill_at_.reset();
    for (Member& member : members_)
      if (member.alive) kill_here(member);
  }
}

// Until the next of the two moments; -1: none is set.
int Team::wait_ms() const {
  if (!term_at_ && !kill_at_) return -1;
  const auto next = std::min(term_at_.value_or(Clock::time_point::max()), kill_at_.value_or(Clock::time_point::max()));
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
  return static_cast<int>(std::max<int64_t>(left, 0));
}

Outcome Team::watch(SignalQueue& signals, int& commits) {
  while (any_alive()) {
    pollfd ready[] = {{signals.descriptor(), POLLIN, 0}, {commits, POLLIN, 0}};
    if (::poll(ready, 2, wait_ms()) < 0 && errno != EINTR) collect(0);
    while (const auto signal = signals.next()) {
      switch (signal->number) {
        case SIGCHLD:
          collect(signal->sender);
          break;
        case SIGTSTP:
          suspend();
          break;
        case SIGCONT:
          resume();
          break;
        default:
          pass_on(signal->number);
      }
    }
    commits_ += count_commits(commits);
    act_on_time();
  }
  commits_ += count_commits(commits);
  return outcome();
}

std::string Team::describe(const Failure& failure) const {
  const std::string who = fmt::format("rank {} (process {})", failure.member->rank, failure.member->pid);
  if (failure.signal != 0)
    return fmt::format("{} was killed by {}{}", who, signal_name(failure.signal),
                       failure.asked               ? ", which was passed on, before it could save"
                       : failure.signal == SIGKILL ? "; if nobody did that, memory ran out: see the kernel's log"
                                                   : "");
  if (failure.asked) return fmt::format("{} was told to stop twice, and ended before it had saved", who);
  if (failure.code != peer) return fmt::format("{} failed first, with exit code {}", who, failure.code);
  std::vector<std::string> silent;
  for (const Member& member : members_)
    if (member.killed_here) silent.push_back(fmt::format("rank {} (process {})", member.rank, member.pid));
  return fmt::format("{} ended with exit code {}: it lost another rank, see its message{}", who, peer,
                     silent.empty() ? "" : fmt::format("; by SIGKILL alone ended {}", fmt::join(silent, ", ")));
}

Outcome Team::outcome() const {
  Outcome outcome;
  outcome.stop_asked = stop_asked_;
  outcome.commits = commits_;
  outcome.code = stopped_;
  if (culprit_) {
    outcome.code = culprit_->code;
    outcome.lost = culprit_->code == peer;
    outcome.culprit = describe(*culprit_);
  }
  return outcome;
}

}  // namespace selfsup::launch
