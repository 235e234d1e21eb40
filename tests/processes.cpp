#include "processes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <utility>

#include "base/errors.h"
#include "base/file.h"

extern char** environ;

namespace selfsup::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kBody = "SELFSUP_TEST_RANK_BODY";

std::map<std::string, std::function<void(const RankPlace&)>>& bodies() {
  static std::map<std::string, std::function<void(const RankPlace&)>> all;
  return all;
}

[[noreturn]] void fail(const std::string& doing) { throw std::runtime_error(doing + ": " + std::strerror(errno)); }

struct Listener {
  Fd socket;
  int port = 0;

  Listener() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (!socket || ::bind(socket.get(), any, size) != 0 || ::listen(socket.get(), 64) != 0 ||
        ::getsockname(socket.get(), any, &size) != 0)
      fail("a socket of loopback");
    port = ntohs(address.sin_port);
  }
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> environment_with(const std::vector<std::string>& own) {
  std::vector<std::string> all = own;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry, name = text.substr(0, text.find('=') + 1);
    if (std::none_of(own.begin(), own.end(), [&](const std::string& o) { return o.rfind(name, 0) == 0; }))
      all.push_back(text);
  }
  return all;
}

struct Process {
  pid_t pid = -1;
  Fd handle;  // readable once the process has ended
  bool ended = false;
  RankEnd end;
};

Process start(const RankBody& body, const RankPlace& place, const std::filesystem::path& output) {
  const std::vector<std::string> environment = environment_with({
      kBody + ("=" + body.name()),
      "SELFSUP_TEST_RANK=" + std::to_string(place.rank),
      "SELFSUP_TEST_WORLD=" + std::to_string(place.world),
      "SELFSUP_TEST_FOLDER=" + place.folder.string(),
      "SELFSUP_TEST_ARGUMENT=" + place.argument,
      "SELFSUP_TEST_PORT=" + std::to_string(place.port),
      "SELFSUP_TEST_LISTENER=" + std::to_string(place.rank == 0 ? place.listener : -1),
      "SELFSUP_TEST_PARENT=" + std::to_string(::getpid()),
      "OMP_NUM_THREADS=1",
      "MKL_NUM_THREADS=1",
  });
  std::vector<char*> words;
  for (const std::string& entry : environment) words.push_back(const_cast<char*>(entry.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  // Onto itself: it is no longer closed on exec.
  if (place.rank == 0) ::posix_spawn_file_actions_adddup2(&actions, place.listener, place.listener);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  char* arguments[] = {const_cast<char*>(self.c_str()), nullptr};
  Process process;
  const int error = ::posix_spawn(&process.pid, self.c_str(), &actions, nullptr, arguments, words.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error(std::string("a rank cannot be started: ") + std::strerror(error));
  process.handle = Fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!process.handle) fail("pidfd_open");
  return process;
}

void collect(Process& process) {
  int status = 0;
  if (::waitpid(process.pid, &status, 0) != process.pid) fail("waitpid");
  process.ended = true;
  process.end.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void wait_for_all(std::vector<Process>& processes) {
  auto deadline = Clock::now() + std::chrono::minutes(10);
  bool failed = false;
  for (;;) {
    std::vector<pollfd> waited;
    for (const Process& process : processes)
      if (!process.ended) waited.push_back({process.handle.get(), POLLIN, 0});
    if (waited.empty()) return;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int ready = left > 0 ? ::poll(waited.data(), waited.size(), static_cast<int>(left)) : 0;
    if (ready < 0 && errno != EINTR) fail("poll");
    for (Process& process : processes) {
      if (process.ended) continue;
      const bool done = std::any_of(waited.begin(), waited.end(), [&](const pollfd& one) {
        return one.fd == process.handle.get() && (one.revents & POLLIN);
      });
      if (!done && ready != 0) continue;
      if (!done) {
        process.end.cut_short = true;
        ::kill(process.pid, SIGKILL);
      }
      collect(process);
      if (process.end.exit != 0 && !std::exchange(failed, true))
        deadline = std::min(deadline, Clock::now() + std::chrono::minutes(1));
    }
  }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value) throw std::runtime_error(std::string("no ") + name);
  return value;
}

}  // namespace

Scratch::Scratch() {
  std::string pattern = (std::filesystem::temp_directory_path() / "selfsup-ranks-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) fail("mkdtemp");
  path_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

RankBody::RankBody(std::string name, std::function<void(const RankPlace&)> body) : name_(std::move(name)) {
  if (!bodies().emplace(name_, std::move(body)).second) throw std::logic_error("two bodies of ranks named " + name_);
}

std::vector<RankEnd> run_ranks(const RankBody& body, int world, const std::filesystem::path& folder,
                               const std::string& argument) {
  std::vector<Process> processes;
  const auto output = [&](size_t rank) { return folder / ("output.rank" + std::to_string(rank)); };
  {
    const Listener listener;  // from then on rank 0's alone: who calls it in vain is to be told so
    for (int rank = 0; rank < world; ++rank)
      processes.push_back(start(body, {rank, world, folder, argument, listener.port, listener.socket.get()},
                                output(static_cast<size_t>(rank))));
  }
  wait_for_all(processes);
  std::vector<RankEnd> ends;
  for (size_t rank = 0; rank < processes.size(); ++rank) {
    processes[rank].end.text = text_of(output(rank));
    ends.push_back(std::move(processes[rank].end));
  }
  return ends;
}

std::string failures(const std::vector<RankEnd>& ends) {
  std::string text;
  for (size_t rank = 0; rank < ends.size(); ++rank)
    if (ends[rank].exit != 0)
      text += "rank " + std::to_string(rank) + " ended with " + std::to_string(ends[rank].exit) +
              (ends[rank].cut_short ? ", having been killed" : "") + ": " + ends[rank].text + "\n";
  return text;
}

std::optional<int> serve_as_rank() {
  const char* name = std::getenv(kBody);
  if (!name) return std::nullopt;
  try {
    // Whoever started it may have ended before the kernel was asked.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (std::to_string(::getppid()) != variable("SELFSUP_TEST_PARENT")) return 1;
    const auto number = [](const char* of) { return std::stoi(variable(of)); };
    const RankPlace place{number("SELFSUP_TEST_RANK"),     number("SELFSUP_TEST_WORLD"),
                          variable("SELFSUP_TEST_FOLDER"), variable("SELFSUP_TEST_ARGUMENT"),
                          number("SELFSUP_TEST_PORT"),     number("SELFSUP_TEST_LISTENER")};
    bodies().at(name)(place);
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << std::endl;
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}

}  // namespace selfsup::test
