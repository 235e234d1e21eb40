// Does one thing to a folder of checkpoints, so that tests can kill it or fail its system calls.
//   save DIR ITER KEEP     save ITER between two calls of getppid, which mark it in a trace
//   clean DIR              open the store between the same marks
//   newest DIR             say which iteration would be resumed
//   fill DIR               save until the disk is full, then check that nothing was lost
//   take DIR               take the work folder between the same marks, and prove that saves can be made
//   branch DIR             go on from iteration 2 of that work folder and save 3 (a larger one) between the same marks
//   start DIR              take the work folder and open its store, as the next run does, between the same marks
//   overwrite DIR          move what is in the work folder aside between the same marks
//   lock DIR               take the work folder, say so, hold it until stdin ends
#include <unistd.h>

#include <ios>
#include <iostream>

#include "base/errors.h"
#include "checkpoint/store.h"
#include "checkpoint/work_dir.h"
#include "support.h"

using namespace selfsup;
using namespace selfsup::checkpoint;
using namespace selfsup::checkpoint::testing;

namespace {

int fill(const std::string& directory) {
  CheckpointStore store(directory, -1);
  int64_t saved = 0;
  try {
    while (saved < 100) {
      Sample(saved + 1, 1000).save(store);
      ++saved;
    }
  } catch (const Error& error) {
    std::cout << error.what() << "\n";
    if (error.exit() != Exit::storage) return 20;
  }
  if (saved == 0 || saved == 100) return 21;
  for (const std::string& name : list_folder(directory)) {
    if (name.starts_with(".")) return 22;
  }
  for (int64_t i = 1; i <= saved; ++i) {
    if (!Sample(i, 1000).matches(Checkpoint(directory + "/iter_" + std::to_string(i)))) return 23;
  }
  const auto newest = store.newest_valid();
  return newest && newest->manifest().iter == saved ? 0 : 24;
}

int work(const std::vector<std::string>& args) {
  if (args[0] == "save") {
    const Sample sample(std::stoll(args[2]));
    ::getppid();
    CheckpointStore store(args[1], std::stoi(args[3]));
    sample.save(store);
    ::getppid();
    return 0;
  }
  if (args[0] == "clean") {
    ::getppid();
    CheckpointStore store(args[1], 2);
    ::getppid();
    return 0;
  }
  if (args[0] == "newest") {
    const auto newest = CheckpointStore(args[1], -1).newest_valid();
    std::cout << "newest " << (newest ? newest->manifest().iter : -1) << std::endl;
    return 0;
  }
  if (args[0] == "take") {
    ::getppid();
    const WorkDir dir(args[1], IfUsed::refuse);
    CheckpointStore(dir.checkpoints(), 2).probe();
    ::getppid();
    return 0;
  }
  if (args[0] == "branch") {
    WorkDir dir(args[1], IfUsed::accept);
    CheckpointStore store(dir.checkpoints(), -1, [&] { dir.require_ours(); });
    const Sample sample(3, 90);
    ::getppid();
    store.go_on_from(Checkpoint(dir.checkpoints() + "/iter_2").manifest());
    make_folders(store.files() + "/vis_data");
    spill(store.files() + "/metrics.jsonl", "new\n");
    spill(store.files() + "/vis_data/events.2", "new\n");
    sample.save(store);
    ::getppid();
    return 0;
  }
  if (args[0] == "start") {
    ::getppid();
    const WorkDir dir(args[1], IfUsed::accept);
    const CheckpointStore store(dir.checkpoints(), -1);
    ::getppid();
    return 0;
  }
  if (args[0] == "overwrite") {
    WorkDir dir(args[1], IfUsed::accept);
    ::getppid();
    dir.move_aside();
    ::getppid();
    return 0;
  }
  if (args[0] == "fill") return fill(args[1]);
  const WorkDir dir(args[1], IfUsed::refuse);
  std::cout << "held" << std::endl;
  std::cin.get();
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  return work(std::vector<std::string>(argv + 1, argv + argc));
} catch (const Error& error) {
  std::cout << "error: " << error.what() << std::endl;
  return static_cast<int>(error.exit());
} catch (const std::ios::failure& error) {  // of the test's own files
  std::cout << "error: " << error.what() << std::endl;
  return static_cast<int>(Exit::storage);
}
