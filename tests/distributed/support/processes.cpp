#include "distributed/support/processes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace selfsup::distributed::testing {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

using Clock = std::chrono::steady_clock;

}  // namespace

Port::Port() : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), number_(0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(descriptor_, generic, length) != 0 || ::listen(descriptor_, SOMAXCONN) != 0 ||
      ::getsockname(descriptor_, generic, &length) != 0)
    fail("no port on loopback");
  number_ = ntohs(address.sin_port);
}

void Port::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

Process::Process(const std::vector<std::string>& words, int listener) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  if (listener >= 0) posix_spawn_file_actions_adddup2(&actions, listener, inherited);
  std::string program = SELFSUP_BINARY_DIR "/bin/rank_helper";
  std::vector<std::string> copies = words;
  std::vector<char*> arguments{program.data()};
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  errno = ::posix_spawn(&id_, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  output_descriptor_ = ends[0];
  if (errno != 0) {
    id_ = -1;
    ::close(ends[0]);
    fail(program);
  }
}

Process::Process(Process&& other) noexcept
    : id_(std::exchange(other.id_, -1)),
      output_descriptor_(std::exchange(other.output_descriptor_, -1)),
      at_end_(other.at_end_),
      output_(std::move(other.output_)) {}

Process::~Process() {
  if (id_ > 0) {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  if (output_descriptor_ >= 0) ::close(output_descriptor_);
}

void Process::signal(int number) const { ::kill(id_, number); }

bool Process::read_more(int milliseconds) {
  pollfd waits{output_descriptor_, POLLIN, 0};
  if (at_end_ || ::poll(&waits, 1, milliseconds) <= 0) return false;
  char buffer[4096];
  const ssize_t got = ::read(output_descriptor_, buffer, sizeof buffer);
  if (got > 0) output_.append(buffer, static_cast<size_t>(got));
  at_end_ = got == 0;
  return got > 0;
}

std::string Process::read_until(const std::string& text) {
  const auto last = Clock::now() + std::chrono::minutes(1);
  while (output_.find(text) == std::string::npos) {
    if (at_end_ || Clock::now() > last) throw std::runtime_error("no \"" + text + "\" in: " + output_);
    read_more(1000);
  }
  return output_;
}

bool Process::ended() {
  read_more(50);
  return at_end_;
}

End Process::end() {
  const auto last = Clock::now() + std::chrono::minutes(2);
  while (!at_end_ && Clock::now() < last) read_more(1000);
  if (!at_end_) {
    signal(SIGKILL);
    output_ += "\n[killed by the test: it did not end]";
  }
  int status = 0;
  ::waitpid(std::exchange(id_, -1), &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), output_};
}

Process start(const Call& call, const Port* listener) {
  std::vector<std::string> words{call.mode,
                                 std::to_string(call.rank),
                                 std::to_string(call.world),
                                 std::to_string(call.port),
                                 std::to_string(listener ? inherited : -1),
                                 call.job,
                                 std::to_string(call.patience_ms)};
  words.insert(words.end(), call.more.begin(), call.more.end());
  return Process(words, listener ? listener->descriptor() : -1);
}

std::vector<Process> start_all(const std::string& mode, int world, Port& port, const std::vector<std::string>& more,
                               int patience_ms) {
  std::vector<Process> ranks;
  for (int rank = 0; rank < world; ++rank)
    ranks.push_back(start({mode, rank, world, port.number(), "job", patience_ms, more}, rank == 0 ? &port : nullptr));
  port.close();
  return ranks;
}

std::vector<End> ends_of(std::vector<Process>& ranks) {
  std::vector<End> out;
  for (Process& rank : ranks) out.push_back(rank.end());
  return out;
}

}  // namespace selfsup::distributed::testing
