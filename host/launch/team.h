// The ranks of one machine, from their start to the end of the last: passes signals on, tells who failed first, and
// ends the others. Knows no training and no restart.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "launch/signal_queue.h"

namespace selfsup::launch {

// How long the others may take to end, once one has failed.
struct Grace {
  // A rank was killed: they wait for it in vain, and all are to be out within two seconds.
  std::chrono::milliseconds after_loss{1500};
  // Before SIGTERM, where the first to end says that another one failed (76): so that the other can say how.
  std::chrono::milliseconds for_culprit{500};
  // A rank ended with an error: they are told so by it, and may end in order.
  std::chrono::milliseconds after_error{10'000};
};

struct Outcome {
  int code = 0;
  bool lost = false;    // a rank was killed by a signal, or lost another one (76): the run can go on from a checkpoint
  int stop_asked = 0;   // the last wish to stop that was passed on
  int commits = 0;      // checkpoints that became whole
  std::string culprit;  // one line; empty if nobody failed
};

// Ranks save and stop at these; SIGUSR1 is Slurm's, before the time is over, SIGHUP of a terminal that goes.
inline bool asks_to_stop(int signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGUSR1 || signal == SIGHUP;
}

class Team {
 public:
  explicit Team(const Grace& grace) : grace_(grace) {}
  ~Team();  // no rank is left
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  void add(int rank, pid_t pid) { members_.push_back({rank, pid}); }
  // Until all have ended. commits: the launcher's side of commits.h; -1 once rank 0 has closed its own.
  Outcome watch(SignalQueue& signals, int& commits);

 private:
  using Clock = std::chrono::steady_clock;
  struct Member {
    int rank;
    pid_t pid;
    bool alive = true;
    bool killed_here = false;  // by SIGKILL, as it did not end by itself
  };
  struct Failure {
    const Member* member;
    int code, signal;  // signal: 0 if it has exited
    bool asked;        // by the signal that was passed on
  };

  bool any_alive() const;
  void pass_on(int signal);
  void suspend();  // the ranks, then this process, until it is continued
  void resume();
  void collect(pid_t first);  // those that have ended, the given one before others
  void note_end(Member& member, int status);
  void end_others(const Failure& failure);
  void act_on_time();
  static void kill_here(Member& member);
  int wait_ms() const;
  std::string describe(const Failure& failure) const;
  Outcome outcome() const;

  Grace grace_;
  std::vector<Member> members_;
  std::optional<Failure> culprit_;
  std::optional<Clock::time_point> term_at_, kill_at_, suspended_at_;
  bool ending_ = false;  // SIGTERM has been sent for a failure
  int stopped_ = 0;      // 75 or 130 of the first that stopped and saved
  int stop_asked_ = 0, stops_passed_ = 0, last_passed_ = 0, commits_ = 0;
  Clock::time_point stop_passed_at_;
};

}  // namespace selfsup::launch
