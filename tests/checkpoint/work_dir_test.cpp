#include "checkpoint/work_dir.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/errors.h"
#include "checkpoint/store.h"
#include "refusal.h"
#include "support.h"

using namespace selfsup;
using namespace selfsup::checkpoint;
using namespace selfsup::checkpoint::testing;

namespace {

// The helper as a child that holds a work folder until it is told to end.
class Holder {
 public:
  explicit Holder(const std::string& dir) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execl(helper_binary().c_str(), "helper", "lock", dir.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~Holder() {
    if (pid_ > 0) end(SIGKILL);
    ::close(in_);
    ::close(out_);
  }
  // What it says first; empty when it ends in silence.
  std::string first_words() {
    char text[4096];
    const ssize_t n = ::read(out_, text, sizeof text);
    return {text, static_cast<size_t>(std::max<ssize_t>(n, 0))};
  }
  int end(int signal) {
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
  int in_, out_;
};

std::string refusal(Exit exit, const std::string& path, IfUsed if_used) {
  try {
    WorkDir dir(path, if_used);
  } catch (const Error& error) {
    CHECK(error.exit() == exit);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a work folder is created, and holds nothing but the lock") {
  const TempDir dir;
  const WorkDir work(dir / "a/b/c//", IfUsed::refuse);
  CHECK(work.path() == dir / "a/b/c");
  CHECK(work.checkpoints() == dir / "a/b/c/checkpoints");
  CHECK(list_folder(work.path()) == std::vector<std::string>{".lock"});
}

TEST_CASE("a second job is refused and told who works there, the lock dies with its holder") {
  const TempDir dir;
  {
    Holder first(dir.path());
    REQUIRE(first.first_words() == "held\n");
    for (const IfUsed if_used : {IfUsed::refuse, IfUsed::accept}) {
      const std::string text = refusal(Exit::usage, dir.path(), if_used);
      CHECK(contains(text, fmt::format("process {}", first.pid())));
      CHECK(contains(text, "--work-dir"));
    }
    first.end(SIGKILL);
  }
  CHECK(refusal(Exit::usage, dir.path(), IfUsed::refuse) == "");
  CHECK(refusal(Exit::usage, dir.path(), IfUsed::refuse) == "");  // and with its object
}

TEST_CASE("of many jobs that start at once one wins") {
  const TempDir dir;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<Holder>> jobs;
    for (int i = 0; i < 12; ++i) jobs.push_back(std::make_unique<Holder>(dir.path()));
    int winners = 0, named = 0;
    pid_t winner = 0;
    std::vector<std::string> words;
    for (auto& job : jobs) {
      words.push_back(job->first_words());
      if (words.back() == "held\n") ++winners, winner = job->pid();
    }
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (words[i] == "held\n") continue;
      CHECK(jobs[i]->wait() == static_cast<int>(Exit::usage));
      CHECK(contains(words[i], "is in use by"));
      named += contains(words[i], fmt::format("process {} on", winner));
    }
    CHECK(winners == 1);
    CHECK(named + 1 <= 12);
  }
}

TEST_CASE("a folder made for a run that never began goes again") {
  const TempDir dir;
  { const WorkDir refused(dir / "a/b/c", IfUsed::refuse); }
  CHECK_FALSE(std::filesystem::exists(dir / "a"));
  {
    const WorkDir refused(dir / "a/b/c", IfUsed::refuse);
    std::ofstream(dir / "a/file") << "text";  // a neighbour's
  }
  CHECK(list_folder(dir / "a") == std::vector<std::string>{"file"});
  { WorkDir(dir / "b", IfUsed::refuse).keep(); }
  CHECK(std::filesystem::exists(dir / "b"));
  { const WorkDir was_there(dir / "b", IfUsed::refuse); }
  CHECK(std::filesystem::exists(dir / "b"));
  {
    const WorkDir used(dir / "c", IfUsed::refuse);
    std::ofstream(dir / "c/file") << "text";
  }
  CHECK(std::filesystem::exists(dir / "c/file"));
}

TEST_CASE("a folder with checkpoints is refused without resume, and moved aside by overwrite") {
  const TempDir dir;
  {
    const WorkDir work(dir.path(), IfUsed::refuse);
    CheckpointStore store(work.checkpoints(), 1);
    Sample(1).save(store);
    spill(dir / "metrics.jsonl", "{}\n");
  }
  const std::string text = refusal(Exit::usage, dir.path(), IfUsed::refuse);
  for (const char* word : {"--resume", "--work-dir", "--overwrite"}) CHECK(contains(text, word));
  CHECK(refusal(Exit::usage, dir.path(), IfUsed::accept) == "");
  for (int n = 1; n <= 2; ++n) {
    WorkDir work(dir.path(), IfUsed::accept);
    CHECK(Sample(1).matches(Checkpoint(dir / "checkpoints/iter_1")));
    const std::string old = work.move_aside();
    CHECK(old == dir / fmt::format("old-{}", n));
    CHECK(Sample(1).matches(Checkpoint(old + "/checkpoints/iter_1")));
    CHECK(slurp(old + "/metrics.jsonl") == "{}\n");
    CHECK_FALSE(fs::exists(dir / "metrics.jsonl"));
    CheckpointStore store(work.checkpoints(), 1);
    CHECK_FALSE(store.newest_valid());
    Sample(1).save(store);
    spill(dir / "metrics.jsonl", "{}\n");
  }
  fs::rename(dir / "checkpoints/iter_1", dir / "checkpoints/iter_1.damaged");
  CHECK(contains(refusal(Exit::usage, dir.path(), IfUsed::refuse), "holds checkpoints"));
  fs::remove_all(dir / "checkpoints");
  CHECK(refusal(Exit::usage, dir.path(), IfUsed::refuse) == "");  // a run that died before its first save
  CHECK(WorkDir(dir / "new", IfUsed::accept).move_aside() == "");
}

TEST_CASE("refusing a used folder leaves what is in it as it is") {
  const TempDir dir;
  const std::string checkpoints = dir / "checkpoints";
  for (const std::string name : {".old-iter_1", ".tmp-iter_2", ".trash-iter_0"}) {
    fs::create_directories(checkpoints + "/" + name);
    CHECK((refusal(Exit::usage, dir.path(), IfUsed::refuse) != "") == (name == ".old-iter_1"));
    CHECK(list_folder(checkpoints) == std::vector<std::string>{name});
    fs::remove_all(checkpoints);
  }
  fs::create_directories(checkpoints + "/iter_1.superseded/.tmp-iter_2");
  CHECK(contains(refusal(Exit::usage, dir.path(), IfUsed::refuse), "holds checkpoints"));
}

TEST_CASE("a folder that cannot be used is refused at once") {
  const TempDir dir;
  spill(dir / "file", "x");
  CHECK(contains(refusal(Exit::storage, dir / "file", IfUsed::refuse), "file"));
  CHECK(contains(refusal(Exit::storage, dir / "file/below", IfUsed::refuse), "file"));
  fs::create_directory(dir / "ro");
  const Result result =
      run(fmt::format("{0} sh -c 'mount --bind {1} {1} && mount -o remount,ro,bind {1} && {2} lock {1}; rc=$?; "
                      "umount {1}; exit $rc'",
                      in_own_mounts(), dir / "ro", helper_binary()));
  CAPTURE(result.output);
  CHECK(result.exit == static_cast<int>(Exit::storage));
  CHECK(contains(result.output, "Read-only file system"));
}

TEST_CASE("a lock that is deleted is taken again, unless another has it by then") {
  const TempDir dir;
  WorkDir work(dir / "w", IfUsed::accept);
  work.keep();
  work.require_ours();
  fs::remove(dir / "w/.lock");
  work.require_ours();
  CHECK(fs::exists(dir / "w/.lock"));
  CHECK(contains(refusal(Exit::usage, dir / "w", IfUsed::accept), "is in use by"));  // it holds
  fs::remove(dir / "w/.lock");
  Holder second(dir / "w");
  REQUIRE(second.first_words() == "held\n");
  const auto lost = [&] { return testing::refusal(Exit::usage, [&] { work.require_ours(); }); };
  for (int again = 0; again < 2; ++again) CHECK(contains(lost(), fmt::format("process {}", second.pid())));
  second.end(SIGKILL);
  CHECK(contains(lost(), "this run ends"));  // what the other has done stays
}

TEST_CASE("a folder that is deleted, moved or replaced ends its run") {
  for (const std::string how : {"deleted", "moved", "replaced", "parent"}) {
    CAPTURE(how);
    const TempDir dir;
    WorkDir work(dir / "a/w", IfUsed::accept);
    work.keep();
    CheckpointStore store(work.checkpoints(), 1, [&] { work.require_ours(); });
    Sample(1).save(store);
    if (how == "deleted" || how == "replaced") fs::remove_all(dir / "a/w");
    if (how == "moved") fs::rename(dir / "a/w", dir / "a/v");
    if (how == "parent") fs::remove_all(dir / "a");
    if (how == "replaced") fs::create_directories(dir / "a/w");
    CHECK(contains(testing::refusal(Exit::usage, [&] { Sample(2).save(store); }), "saved nowhere else"));
    if (how == "replaced") CHECK(list_folder(dir / "a/w").empty());
    if (how != "replaced") CHECK_FALSE(fs::exists(dir / "a/w"));
    if (how == "moved") CHECK(list_folder(dir / "a/v/checkpoints") == std::vector<std::string>{"iter_1"});
  }
}

TEST_CASE("what is no regular file under a name of the run's files is refused by that name, and not waited for") {
  const TempDir dir;
  const WorkDir work(dir.path(), IfUsed::accept);
  const auto refused = [&](Exit exit = Exit::usage) {
    return testing::refusal(exit, [&] { work.require_regular({"config.json"}, {"run.log"}); });
  };
  CHECK(refused() == "");
  for (const std::string name : {"config.json", "config.json.tmp", "run.log"}) {
    const std::string path = dir / name;
    for (const std::string kind : {"a FIFO", "a directory", "a device", "a socket"}) {
      CAPTURE(name, kind);
      if (kind == "a FIFO") ::mkfifo(path.c_str(), 0600);
      if (kind == "a directory") fs::create_directory(path);
      if (kind == "a device") fs::create_symlink("/dev/zero", path);
      if (kind == "a socket") ::mknod(path.c_str(), S_IFSOCK | 0600, 0);
      CHECK(contains(refused(), name));
      CHECK(contains(refused(), "found " + kind));
      fs::remove(path);
    }
    spill(path, "x");
    CHECK(refused() == "");
    fs::rename(path, dir / "target");
    fs::create_symlink("target", path);
    CHECK(refused() == "");
    fs::remove(path);
  }
  fs::create_symlink("run.log", dir / "run.log");  // to itself
  CHECK(contains(refused(Exit::storage), "run.log"));
  fs::remove(dir / "run.log");

  const TempDir other;
  ::mkfifo((other / ".lock").c_str(), 0600);
  CHECK(contains(refusal(Exit::usage, other.path(), IfUsed::accept), ".lock"));
  fs::remove(other / ".lock");
  fs::create_symlink("/dev/zero", other / ".lock");
  CHECK(contains(refusal(Exit::usage, other.path(), IfUsed::accept), "found a link"));
}
