// The processes of a run that trains, one or several: they meet, agree on what they do, watch over each other, and end
// together. Knows no model.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "distributed/monitor.h"
#include "distributed/progress.h"
#include "distributed/world.h"
#include "run/prepared.h"
#include "run/settings.h"

namespace selfsup::run {

// As PyTorch's; the monitor notices a rank that hangs long before.
inline constexpr std::chrono::milliseconds kCollectiveTimeout = std::chrono::minutes(30);

// Does what each process does until they have met. What is wrong then (the words, the configuration, a plugin, the
// port) is most often so for all of them, and all find it at about the same time: the first rank of a machine says it
// at once and ends, and whoever has started the others ends them too, before they say it again. One that nobody ends
// says its own, in a few seconds.
void until_met(const launch::Asked& asked, const std::function<void()>& work);

class Processes {
 public:
  // One: nothing happens. Several: waits until all are there, and refuses what they do not have in common: program,
  // LibTorch, plugins, configuration. Error as of distributed::World; Error(disagree).
  Processes(const Prepared& prepared, const Settings& settings);

  const distributed::Group& group() const { return world->group(); }
  bool first() const { return group().rank() == 0; }

  // The beginning of run.log: what this process computes with, and which rank it is, told by whom.
  const std::string& head() const { return head_; }

  // What else they must have in common, by name. Error(disagree) on all.
  void agree(const std::vector<std::pair<std::string, std::string>>& facts) const;

  // Calls the body, which does what this rank has to do, or a part of it. An error of its own is told to the others;
  // where another rank is to blame for it, the error that comes out says so: Error(peer).
  // One that all ranks come to (no data, ranks that disagree) is left for the first rank of a machine to say, as in
  // until_met, for half a second.
  Exit run(const std::function<Exit()>& body);
  // At the end of the body. Nobody leaves before the first rank has written its last file: srun and others end all
  // ranks when one has gone.
  void part();

  std::unique_ptr<distributed::World> world;
  distributed::Progress progress;

 private:
  // With the error of who is to blame, where an operation with the others has failed.
  Exit blaming(const std::function<Exit()>& body);
  void tell(Exit exit, const std::string& text);  // the others, of an error of this rank; once

  std::shared_ptr<const distributed::Rendezvous> rendezvous_;  // of several; outlives the monitor
  std::string head_;
  bool first_here_, blamed_ = false, told_ = false;
  std::unique_ptr<distributed::Monitor> monitor_;  // of several
};

}  // namespace selfsup::run
