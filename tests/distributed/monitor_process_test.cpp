// Ranks as processes that are killed, stopped and ended in all ways, and what the others of them then say.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kPatience = 120s;  // far beyond what anything here takes: for a machine with much else to do

// A rank's process: monitor_helper.cpp.
class Rank {
 public:
  explicit Rank(const std::vector<std::string>& arguments) {
    int in[2], out[2];
    REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    std::vector<std::string> words = {SELFSUP_MONITOR_HELPER};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int error = ::posix_spawn(&process_, pointers[0], &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    in_ = in[1];
    out_ = out[0];
    REQUIRE(error == 0);
  }
  ~Rank() {
    if (!ended_) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    ::close(in_);
    ::close(out_);
  }
  Rank(const Rank&) = delete;
  Rank& operator=(const Rank&) = delete;

  // The next line; "" at the end of the output.
  std::string line() {
    const auto deadline = Clock::now() + kPatience;
    for (;;) {
      if (const size_t end = text_.find('\n'); end != text_.npos) {
        const std::string one = text_.substr(0, end);
        text_.erase(0, end + 1);
        return one;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      pollfd output{out_, POLLIN, 0};
      REQUIRE(::poll(&output, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) == 1);
      char buffer[4096];
      const ssize_t length = ::read(out_, buffer, sizeof buffer);
      if (length <= 0) return "";
      text_.append(buffer, static_cast<size_t>(length));
    }
  }
  void tell(const std::string& command) const {
    const std::string whole = command + "\n";
    REQUIRE(::write(in_, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()));
  }
  void signal(int number) const { REQUIRE(::kill(process_, number) == 0); }
  // The exit code, or 128 + the signal that killed it; after its output has ended.
  int ends() {
    int status = 0;
    REQUIRE(::waitpid(process_, &status, 0) == process_);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string name(int rank) const {
    return "rank " + std::to_string(rank) + " on " + host() + " (process " + std::to_string(process_) + ")";
  }

 private:
  static std::string host() {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    return name;
  }

  pid_t process_ = 0;
  int in_ = -1, out_ = -1;
  bool ended_ = false;
  std::string text_;
};

struct Times {
  std::string beat = "50", silent = "1500", still = "0";
};
// A limit of silence that these tests never reach: what is found is found otherwise.
const Times kPatient{"50", "600000", "0"};

class World {
 public:
  World(int world, const Times& times) {
    std::string port = "0";
    for (int i = 0; i < world; ++i) {
      ranks_.push_back(std::make_unique<Rank>(std::vector<std::string>{std::to_string(i), std::to_string(world), port,
                                                                       times.beat, times.silent, times.still}));
      if (i == 0) port = ranks_[0]->line().substr(5);
    }
    for (const auto& rank : ranks_) REQUIRE(rank->line() == "ready");
  }
  Rank& operator[](int rank) { return *ranks_[static_cast<size_t>(rank)]; }
  int size() const { return static_cast<int>(ranks_.size()); }

  // All but one end with 76 and one and the same line, which has the text.
  void all_others_end(int culprit, const std::string& said, const std::string& text) {
    for (int i = 0; i < size(); ++i) {
      if (i == culprit) continue;
      INFO("rank " << i);
      const std::string line = (*this)[i].line();
      CHECK(line.substr(0, said.size() + 1) == said + " ");
      INFO(line);
      CHECK(line.find(text) != line.npos);
      CHECK((*this)[i].line().empty());
      CHECK((*this)[i].ends() == 76);
    }
  }

 private:
  std::vector<std::unique_ptr<Rank>> ranks_;
};

}  // namespace

TEST_CASE("a killed rank's end is known at once, and named by all others") {
  for (const int culprit : {1, 2}) {
    World world(3, kPatient);
    world[culprit].signal(SIGKILL);
    CHECK(world[culprit].ends() == 128 + SIGKILL);
    world.all_others_end(culprit, "verdict", world[culprit].name(culprit) + " has ended without a word");
  }
}

TEST_CASE("rank 0's end, with which its store goes, is named by all others") {
  World world(3, kPatient);
  world[0].signal(SIGKILL);
  CHECK(world[0].ends() == 128 + SIGKILL);
  world.all_others_end(0, "verdict", world[0].name(0));
}

TEST_CASE("who asks for whom to blame is told of the killed rank") {
  World world(3, kPatient);
  world[2].signal(SIGKILL);
  CHECK(world[2].ends() == 128 + SIGKILL);
  for (const int rank : {0, 1}) world[rank].tell("blame");
  for (const int rank : {0, 1}) {
    const std::string line = world[rank].line();
    INFO(line);
    CHECK(line.find("blamed " + world[2].name(2)) == 0);  // by its end, or by its silence: whatever is seen first
    CHECK(world[rank].ends() == 76);
  }
}

TEST_CASE("a stopped rank is named with its place, and ends itself when it goes on") {
  for (const int culprit : {0, 1}) {
    World world(3, {});
    world[culprit].tell("hang");
    world[culprit].signal(SIGSTOP);
    world.all_others_end(culprit, "verdict", world[culprit].name(culprit));
    world[culprit].signal(SIGCONT);
    CHECK(world[culprit].line().substr(0, 8) == "verdict ");
    CHECK(world[culprit].ends() == 76);
  }
}

TEST_CASE("a rank that lives and does nothing is named with its phase") {
  World world(3, {"50", "600000", "1500"});
  world[1].tell("hang");
  world.all_others_end(1, "verdict", world[1].name(1) + " stands still at iteration");
  CHECK(world[1].line().find("(the forward pass)") != std::string::npos);
  CHECK(world[1].ends() == 76);
}

TEST_CASE("a rank that stands still reads that it is to blame before rank 0 and its store are gone") {
  World world(2, {"500", "600000", "1500"});
  world[1].tell("hang");
  const std::string line = world[0].line();
  INFO(line);
  CHECK(line.find(world[1].name(1) + " stands still") != line.npos);
  CHECK(world[1].line() == line);
  CHECK(world[0].ends() == 76);
  CHECK(world[1].ends() == 76);
}

TEST_CASE("a job that was suspended as a whole goes on") {
  World world(3, {});
  for (int i = 0; i < 3; ++i) world[i].signal(SIGSTOP);
  std::this_thread::sleep_for(4s);  // the length of the suspension: more than twice the limit
  for (int i = 0; i < 3; ++i) world[i].signal(SIGCONT);
  std::this_thread::sleep_for(500ms);  // ten beats, in which somebody might be accused
  for (int i = 0; i < 3; ++i) world[i].tell("part");
  for (int i = 0; i < 3; ++i) {
    CHECK(world[i].line().empty());
    CHECK(world[i].ends() == 0);
  }
}

TEST_CASE("the error of a rank reaches all others, whichever it is") {
  for (const int culprit : {0, 1}) {
    World world(3, kPatient);
    world[culprit].tell("fail 5 disk-full");
    CHECK(world[culprit].ends() == 5);
    world.all_others_end(culprit, "verdict", world[culprit].name(culprit) + " failed: disk-full (exit code 5)");
  }
}

TEST_CASE("ranks that part in any order are no failure") {
  for (const auto& order : {std::vector<int>{0, 1, 2}, std::vector<int>{2, 1, 0}, std::vector<int>{1, 0, 2}}) {
    World world(3, {"50", "20000", "0"});
    for (const int rank : order) world[rank].tell("part");
    for (const int rank : order) {
      CHECK(world[rank].line().empty());
      CHECK(world[rank].ends() == 0);
    }
  }
}

TEST_CASE("a rank that is killed after another has parted is still named by the third") {
  World world(3, kPatient);
  world[2].tell("part");
  CHECK(world[2].line().empty());
  CHECK(world[2].ends() == 0);
  world[1].signal(SIGKILL);
  CHECK(world[1].ends() == 128 + SIGKILL);
  const std::string line = world[0].line();
  INFO(line);
  CHECK(line.find(world[1].name(1) + " has ended without a word") != line.npos);
  CHECK(world[0].ends() == 76);
}

TEST_CASE("a rank that parts while its store hangs ends all the same") {
  World world(2, kPatient);
  world[0].signal(SIGSTOP);
  world[1].tell("part");
  CHECK(world[1].line().empty());
  CHECK(world[1].ends() == 0);
}
