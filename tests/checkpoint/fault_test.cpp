// A save is killed before each of its system calls, and each of them is made to fail, with strace.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <functional>
#include <map>

#include "base/errors.h"
#include "checkpoint/store.h"
#include "traced.h"

using namespace selfsup;
using namespace selfsup::checkpoint;
using namespace selfsup::checkpoint::testing;

namespace {

// A folder with a fresh copy of the given checkpoints for each trial.
class Bench {
 public:
  explicit Bench(const std::vector<int64_t>& iters) {
    CheckpointStore store(origin(), -1);
    for (const int64_t i : iters) Sample(i).save(store);
    fs::create_directories(origin());
  }
  void fresh() const {
    fs::remove_all(work());
    fs::copy(origin(), work(), fs::copy_options::recursive);
  }
  std::string work() const { return dir_ / "work"; }
  std::string origin() const { return dir_ / "origin"; }
  std::vector<int64_t> valid() const {
    std::vector<int64_t> out;
    for (int64_t i = 1; i <= 9; ++i) {
      try {
        if (Sample(i).matches(Checkpoint(work() + "/iter_" + std::to_string(i)))) out.push_back(i);
      } catch (const Error&) {
      }
    }
    return out;
  }

 private:
  TempDir dir_;
};

struct Scenario {
  const char* title;
  std::vector<int64_t> before;
  int64_t saved;
  int keep;
};

const Scenario scenarios[] = {{"the first save", {}, 3, 2},
                              {"a save after which an old one is deleted", {1, 2}, 3, 2},
                              {"a save that replaces one of its name", {2, 3}, 3, 3}};

}  // namespace

TEST_CASE("a kill before any system call of a save leaves the old set or the new one") {
  for (const Scenario& s : scenarios) {
    const Bench bench(s.before);
    bench.fresh();
    const std::string arguments = fmt::format("save {} {} {}", bench.work(), s.saved, s.keep);
    const std::vector<Call> calls = calls_of(arguments);
    std::vector<int64_t> after = bench.valid();
    REQUIRE(calls.size() > 30);
    REQUIRE(std::count(after.begin(), after.end(), s.saved) == 1);
    int old_ones = 0, new_ones = 0;
    for (const Call& call : calls) {
      CAPTURE(s.title, call.text);
      bench.fresh();
      REQUIRE(inject(call, "signal=KILL", arguments).exit == 137);
      CheckpointStore store(bench.work(), s.keep);  // what the next start does
      const std::vector<int64_t> valid = bench.valid();
      const auto newest = store.newest_valid();
      const bool is_new = std::count(valid.begin(), valid.end(), s.saved) == 1;
      // Never fewer than before, up to what retention leaves.
      CHECK(valid.size() >= std::min<size_t>(s.before.size(), static_cast<size_t>(s.keep)));
      if (is_new) {
        ++new_ones;
        CHECK(newest->manifest().iter == s.saved);
      } else {
        ++old_ones;
        CHECK(valid == s.before);
        CHECK(newest.has_value() == !s.before.empty());
      }
      for (const std::string& name : list_folder(bench.work())) CHECK(name.substr(0, 5) == "iter_");
      Sample(9).save(store);
      CHECK(store.newest_valid()->manifest().iter == 9);
    }
    CHECK(old_ones + new_ones == static_cast<int>(calls.size()));
    CHECK(new_ones > 0);
    WARN(fmt::format("{}: killed at each of {} system calls, {} times the old set, {} times the new one", s.title,
                     calls.size(), old_ones, new_ones));
  }
}

TEST_CASE("everything is on the disk before it is renamed, and the rename before anything old goes") {
  // What a loss of power needs: no kill can show it, the order of the calls can.
  const Bench bench({1, 2});
  bench.fresh();
  const std::string work = bench.work();
  const std::vector<Call> calls = calls_of("save " + work + " 3 2");
  std::map<std::string, int> dirty;  // path → calls that changed it since its last sync
  bool renamed = false, parent_synced = false;
  int files = 0, deletions = 0;
  for (const Call& call : calls) {
    CAPTURE(call.text);
    const auto path_of = [&](size_t from) {  // "<path>" of a descriptor
      const size_t begin = call.text.find('<', from) + 1;
      return call.text.substr(begin, call.text.find('>', begin) - begin);
    };
    if (call.name == "openat" && call.text.find("O_CREAT") != call.text.npos) {
      ++files;
      ++dirty[path_of(call.text.rfind('='))];
      ++dirty[path_of(0)];
    } else if (call.name == "mkdirat") {
      ++dirty[path_of(0)];
    } else if (call.name == "write" || call.name == "fallocate") {
      ++dirty[path_of(0)];
    } else if (call.name == "fsync") {
      dirty.erase(path_of(0));
      parent_synced = parent_synced || (renamed && path_of(0) == work);
    } else if (call.name.substr(0, 8) == "renameat" && call.text.find("\".tmp-iter_3\"") != call.text.npos) {
      renamed = true;
      dirty.erase(work);  // the parent is synced after the rename
      CHECK(dirty.empty());
    } else if (call.name == "renameat" || call.name == "unlinkat") {
      if (call.text.find("ENOENT") != call.text.npos) continue;
      ++deletions;
      CHECK(parent_synced);
      if (call.name == "renameat") ++dirty[work];  // to the trash: on the disk before the first file goes
      if (call.name == "unlinkat" && call.text.find("EISDIR") == call.text.npos) CHECK(dirty.count(work) == 0);
    }
  }
  CHECK(files == 5);
  CHECK(renamed);
  CHECK(deletions > 5);
}

TEST_CASE("a kill while leftovers are cleaned up loses nothing") {
  const Bench bench({1, 2});
  fs::copy(bench.origin() + "/iter_1", bench.origin() + "/.trash-iter_0", fs::copy_options::recursive);
  fs::copy(bench.origin() + "/iter_2", bench.origin() + "/.tmp-iter_3", fs::copy_options::recursive);
  fs::rename(bench.origin() + "/iter_2", bench.origin() + "/.old-iter_2");
  bench.fresh();
  const std::string arguments = "clean " + bench.work();
  for (const Call& call : calls_of(arguments)) {
    CAPTURE(call.text);
    bench.fresh();
    REQUIRE(inject(call, "signal=KILL", arguments).exit == 137);
    CheckpointStore store(bench.work(), 2);
    CHECK(bench.valid() == std::vector<int64_t>{1, 2});
    CHECK(list_folder(bench.work()) == std::vector<std::string>{"iter_1", "iter_2"});
  }
}

TEST_CASE("a failing system call of a save leaves the old ones untouched and ends in exit code 5") {
  const Scenario& s = scenarios[1];
  const Bench bench(s.before);
  bench.fresh();
  const std::string arguments = fmt::format("save {} {} {}", bench.work(), s.saved, s.keep);
  const std::vector<Call> calls = calls_of(arguments);
  int last_sync = 0;  // after the renaming to the trash: the new checkpoint stands by then
  for (const Call& call : calls) {
    if (call.name == "fsync") last_sync = call.nth;
  }
  int failed = 0, survived = 0;
  for (const std::string error : {"ENOSPC", "EIO"}) {
    for (const Call& call : calls) {
      if (of_memory(call)) continue;  // not of files
      CAPTURE(error, call.text);
      bench.fresh();
      const Result result = inject(call, "error=" + error, arguments);
      CAPTURE(result.output);
      const std::vector<int64_t> valid = bench.valid();
      if (result.exit == 0) {  // the call did not matter, or concerned an old one
        ++survived;
        CHECK(std::count(valid.begin(), valid.end(), s.saved) == 1);
      } else {
        ++failed;
        CHECK(result.exit == static_cast<int>(Exit::storage));
        CHECK(valid.size() >= s.before.size());
        for (const int64_t old : s.before) CHECK(std::count(valid.begin(), valid.end(), old) == 1);
        if (call.name != "unlinkat") {
          for (const std::string& name : list_folder(bench.work())) CHECK(name.substr(0, 5) == "iter_");
        }
      }
      // Data that may not have reached the disk are never a success.
      if (call.name == "write" || call.name == "fsync" || call.name.substr(0, 6) == "rename") {
        const bool of_trash =
            call.text.find(".trash") != call.text.npos || (call.name == "fsync" && call.nth == last_sync);
        CHECK((result.exit != 0 || of_trash));
      }
      if (error == "ENOSPC" && call.name == "write") {
        CHECK(result.output.find("needs") != std::string::npos);
        CHECK(result.output.find("are free") != std::string::npos);
      }
    }
  }
  CHECK(failed > 20);
  CHECK(survived > 0);
}

TEST_CASE("whichever system call fails, no folder is left of a work folder that is not kept") {
  const TempDir dir;
  const std::string arguments = "take " + (dir / "x/y/z");
  int failed = 0;
  for (const Call& call : calls_of(arguments)) {
    if (of_memory(call) || call.name == "rmdir") continue;  // what cannot be removed stays
    CAPTURE(call.text);
    const Result result = inject(call, "error=EIO", arguments);
    CAPTURE(result.output);
    failed += result.exit == static_cast<int>(Exit::storage);
    CHECK(list_folder(dir.path()).empty());
    fs::remove_all(dir / "x");
  }
  CHECK(failed > 10);
}

TEST_CASE("whichever system call a signal interrupts, it is made again") {
  const Bench bench({1, 2, 3});
  const TempDir dir;
  struct Trial {
    std::string arguments;
    std::function<void()> prepare;
  };
  const Trial trials[] = {{fmt::format("save {} 3 2", bench.work()), [&] { bench.fresh(); }},
                          {"newest " + bench.work(), [&] { bench.fresh(); }},
                          {"take " + (dir / "x/y"), [&] { fs::remove_all(dir / "x"); }}};
  for (const Trial& trial : trials) {
    trial.prepare();
    for (const Call& call : calls_of(trial.arguments)) {
      // What has no such failure, or, of close, may not be made again.
      if (of_memory(call) || call.name == "close" || call.name == "getpid") continue;
      CAPTURE(trial.arguments, call.text);
      trial.prepare();
      const Result result = inject(call, "error=EINTR", trial.arguments);
      CAPTURE(result.output);
      CHECK(result.exit == 0);
    }
  }
}

TEST_CASE("a file system that cannot exchange names still replaces a checkpoint") {
  const Bench bench({2, 3});
  bench.fresh();
  const std::string arguments = "save " + bench.work() + " 3 3";
  for (const Call& call : calls_of(arguments)) {
    if (call.name != "renameat2") continue;
    CHECK(inject(call, "error=EINVAL", arguments).exit == 0);
    CHECK(bench.valid() == std::vector<int64_t>{2, 3});
    CHECK(list_folder(bench.work()) == std::vector<std::string>{"iter_2", "iter_3"});
    break;
  }
}

TEST_CASE("a full disk costs no checkpoint") {
  const TempDir dir;
  const Result result =
      run(fmt::format("{0} sh -c 'mount -t tmpfs -o size=2m none {1} && {2} fill {1}; rc=$?; umount {1}; exit $rc'",
                      in_own_mounts(), dir.path(), helper()));
  INFO(result.output);
  INFO("this test needs unshare, and user name spaces or root");
  CHECK(result.exit == 0);
  CHECK(result.output.find("No space left") != std::string::npos);
  CHECK(result.output.find("MiB are free there") != std::string::npos);
}
