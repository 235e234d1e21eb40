// A run goes on from an older checkpoint: until its first save the old course is whole, and from then on the new one,
// wherever a kill or a fault comes.
#include "checkpoint/branch.h"

#include <functional>

#include "base/errors.h"
#include "checkpoint/store.h"
#include "checkpoint/work_dir.h"
#include "refusal.h"
#include "traced.h"

using namespace selfsup;
using namespace selfsup::checkpoint;
using namespace selfsup::checkpoint::testing;

namespace {

// A work folder with checkpoints 2, 3 and 5 and files of their course; of the other course, 3 is a larger one.
class Course {
 public:
  Course() {
    CheckpointStore store(origin() + "/checkpoints", -1);
    for (const int64_t i : {2, 3, 5}) Sample(i).save(store);
    spill(origin() + "/metrics.jsonl", "old\n");
    fs::create_directories(origin() + "/vis_data");
    spill(origin() + "/vis_data/events.1", "old\n");
  }
  void fresh() const {
    fs::remove_all(work());
    fs::copy(origin(), work(), fs::copy_options::recursive);
  }
  std::string work() const { return dir_ / "work"; }
  std::string origin() const { return dir_ / "origin"; }
  std::string file(const std::string& name) const { return slurp(work() + "/" + name); }

  bool matches(const Sample& sample, const std::string& name) const {
    return fs::exists(work() + "/checkpoints/" + name) && sample.matches(Checkpoint(work() + "/checkpoints/" + name));
  }
  bool is_old() const {
    return matches(Sample(2), "iter_2") && matches(Sample(3), "iter_3") && matches(Sample(5), "iter_5") &&
           list_folder(work() + "/checkpoints").size() == 3 && file("metrics.jsonl") == "old\n" &&
           list_folder(work() + "/vis_data") == std::vector<std::string>{"events.1"} && no_leftovers();
  }
  bool is_new() const {
    return matches(Sample(2), "iter_2") && matches(Sample(3, 90), "iter_3") &&
           matches(Sample(3), "iter_3.superseded") && matches(Sample(5), "iter_5.superseded") &&
           list_folder(work() + "/checkpoints").size() == 4 && file("metrics.jsonl") == "new\n" &&
           file("metrics.jsonl.superseded") == "old\n" &&
           list_folder(work() + "/vis_data") == std::vector<std::string>{"events.1", "events.2"} && no_leftovers();
  }

 private:
  bool no_leftovers() const { return !fs::exists(work() + "/.branch") && !fs::exists(work() + "/.renames"); }

  TempDir dir_;
};

// What the next run does.
int64_t start(const std::string& work) {
  const WorkDir dir(work, IfUsed::accept);
  CheckpointStore store(dir.checkpoints(), -1);
  return store.newest_valid()->manifest().iter;
}

}  // namespace

TEST_CASE("a run that leaves checkpoints behind touches nothing before its first save") {
  const Course course;
  course.fresh();
  {
    WorkDir dir(course.work(), IfUsed::accept);
    CheckpointStore store(dir.checkpoints(), -1);
    CHECK(store.files() == course.work());
    store.go_on_from(Checkpoint(dir.checkpoints() + "/iter_5").manifest());
    CHECK(store.files() == course.work());  // the newest: nothing is left behind
    store.go_on_from(Checkpoint(dir.checkpoints() + "/iter_2").manifest());
    CHECK(store.files() == course.work() + "/.branch");
    make_folders(store.files());
    spill(store.files() + "/metrics.jsonl", "new\n");
  }
  CHECK(course.file("metrics.jsonl") == "old\n");
  CHECK(start(course.work()) == 5);
  CHECK(course.is_old());
}

TEST_CASE("a kill before any system call of the change leaves the old course or the new one") {
  const Course course;
  course.fresh();
  const std::string arguments = "branch " + course.work();
  const std::vector<Call> calls = calls_of(arguments);
  REQUIRE(course.is_new());
  int old_ones = 0, new_ones = 0, halfway = 0;
  for (const Call& call : calls) {
    CAPTURE(call.text);
    course.fresh();
    REQUIRE(inject(call, "signal=KILL", arguments).exit == 137);
    const bool written_down = fs::exists(course.work() + "/.renames");
    halfway += written_down;
    const int64_t newest = start(course.work());
    const bool is_new = course.is_new();
    CHECK(newest == (is_new ? 3 : 5));
    CHECK((is_new || course.is_old()));
    CHECK((is_new || !written_down));
    ++(is_new ? new_ones : old_ones);
  }
  CHECK(old_ones > 20);
  CHECK(new_ones > 10);
  CHECK(halfway > 5);
}

TEST_CASE("a start that finishes what a killed run had written down may be killed too") {
  const Course course;
  course.fresh();
  const std::string branch = "branch " + course.work(), start_again = "start " + course.work();
  std::optional<Call> middle;  // of the renames
  for (const Call& call : calls_of(branch))
    if (call.name == "renameat" && call.text.find("iter_5.superseded") != call.text.npos) middle = call;
  REQUIRE(middle);
  const auto half_done = [&] {
    course.fresh();
    REQUIRE(inject(*middle, "signal=KILL", branch).exit == 137);
    REQUIRE(fs::exists(course.work() + "/.renames"));
  };
  half_done();
  for (const Call& call : calls_of(start_again)) {
    CAPTURE(call.text);
    half_done();
    REQUIRE(inject(call, "signal=KILL", start_again).exit == 137);
    CHECK(start(course.work()) == 3);
    CHECK(course.is_new());
  }
}

TEST_CASE("whichever system call of the change fails, the next start finds the old course or the new one") {
  const Course course;
  course.fresh();
  const std::string arguments = "branch " + course.work();
  int failed = 0;
  for (const Call& call : calls_of(arguments)) {
    if (of_memory(call)) continue;
    CAPTURE(call.text);
    course.fresh();
    const Result result = inject(call, "error=EIO", arguments);
    CAPTURE(result.output);
    failed += result.exit == static_cast<int>(Exit::storage);
    start(course.work());
    CHECK((course.is_old() || course.is_new()));
    if (result.exit == 0) CHECK(course.is_new());
  }
  CHECK(failed > 20);
}

TEST_CASE("what is written down is on the disk before the first name changes") {
  const Course course;
  course.fresh();
  const std::vector<Call> calls = calls_of("branch " + course.work());
  bool written = false, synced = false;
  int renames = 0;
  for (const Call& call : calls) {
    CAPTURE(call.text);
    const bool renames_one = call.name == "renameat";
    if (renames_one && call.text.find("\".renames\"") != call.text.npos) {
      written = true;
      continue;
    }
    if (call.name == "fsync" && written && call.text.find(course.work() + ">") != call.text.npos) synced = true;
    if (!renames_one || call.text.find(".superseded") == call.text.npos) continue;
    ++renames;
    CHECK(synced);
  }
  CHECK(renames == 3);
}

TEST_CASE("an old run is moved aside whole or not at all") {
  const Course course;
  course.fresh();
  const std::string arguments = "overwrite " + course.work();
  int aside = 0, stayed = 0;
  for (const Call& call : calls_of(arguments)) {
    CAPTURE(call.text);
    course.fresh();
    REQUIRE(inject(call, "signal=KILL", arguments).exit == 137);
    { const WorkDir next(course.work(), IfUsed::accept); }
    if (fs::exists(course.work() + "/checkpoints")) {
      ++stayed;
      CHECK(course.file("metrics.jsonl") == "old\n");
      CHECK(course.matches(Sample(5), "iter_5"));
    } else {
      ++aside;
      CHECK(course.file("old-1/metrics.jsonl") == "old\n");
      CHECK(Sample(5).matches(Checkpoint(course.work() + "/old-1/checkpoints/iter_5")));
      CHECK(list_folder(course.work()) == std::vector<std::string>{".lock", "old-1"});
    }
  }
  CHECK(aside > 5);
  CHECK(stayed > 5);
}

TEST_CASE("what is written down and cannot be read, or leads elsewhere, renames nothing") {
  const TempDir dir;
  spill(dir / "file", "x");
  write_down(dir.path(), {{"file", "other"}});
  const std::string good = slurp(dir / ".renames");
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    spill(dir / ".renames", bad);
    CHECK(contains(refusal(Exit::checkpoint, [&] { finish_renames(dir.path()); }), "Nothing was changed"));
  }
  for (const char* name : {"../file", "a/../../file", "/file", "", "a//b", "./x"}) {
    CAPTURE(name);
    write_down(dir.path(), {{"file", name}});
    CHECK(refusal(Exit::checkpoint, [&] { finish_renames(dir.path()); }) != "");
  }
  CHECK(slurp(dir / "file") == "x");
  spill(dir / ".renames", good);
  finish_renames(dir.path());
  CHECK(slurp(dir / "other") == "x");
  CHECK(list_folder(dir.path()) == std::vector<std::string>{"other"});
  finish_renames(dir.path());
}
