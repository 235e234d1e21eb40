#include "processes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <utility>

#include "base/errors.h"

extern char** environ;

namespace selfsup::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::minutes(2);  // for what takes no time, on a machine with much else to do
constexpr const char* kBody = "SELFSUP_TEST_RANK_BODY";

std::map<std::string, std::function<void(const RankPlace&)>>& bodies() {
  static std::map<std::string, std::function<void(const RankPlace&)>> all;
  return all;
}

[[noreturn]] void fail(const std::string& doing) { throw std::runtime_error(doing + ": " + std::strerror(errno)); }

std::vector<std::string> environment_with(const std::vector<std::string>& own) {
  std::vector<std::string> all = own;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry, name = text.substr(0, text.find('=') + 1);
    if (std::none_of(own.begin(), own.end(), [&](const std::string& o) { return o.rfind(name, 0) == 0; }))
      all.push_back(text);
  }
  return all;
}

std::vector<std::string> environment_of(const RankBody& body, const RankPlace& place) {
  return environment_with({
      kBody + ("=" + body.name()),
      "SELFSUP_TEST_RANK=" + std::to_string(place.rank),
      "SELFSUP_TEST_WORLD=" + std::to_string(place.world),
      "SELFSUP_TEST_FOLDER=" + place.folder.string(),
      "SELFSUP_TEST_ARGUMENT=" + place.argument,
      "SELFSUP_TEST_PORT=" + std::to_string(place.port),
      "SELFSUP_TEST_LISTENER=" + std::to_string(place.listener),
      "SELFSUP_TEST_JOB=" + place.job,
      "SELFSUP_TEST_PATIENCE=" + std::to_string(place.patience.count()),
      "SELFSUP_TEST_PARENT=" + std::to_string(::getpid()),
      "OMP_NUM_THREADS=1",
      "MKL_NUM_THREADS=1",
  });
}

std::pair<Fd, Fd> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("a pipe");
  return {Fd(ends[0]), Fd(ends[1])};
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

Port::Port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (!socket_ || ::bind(descriptor(), any, size) != 0 || ::listen(descriptor(), SOMAXCONN) != 0 ||
      ::getsockname(descriptor(), any, &size) != 0)
    fail("a socket of loopback");
  number_ = ntohs(address.sin_port);
}

RankBody::RankBody(std::string name, std::function<void(const RankPlace&)> body) : name_(std::move(name)) {
  if (!bodies().emplace(name_, std::move(body)).second) throw std::logic_error("two bodies of ranks named " + name_);
}

RankProcess::RankProcess(const RankBody& body, const RankPlace& place) {
  const std::vector<std::string> environment = environment_of(body, place);
  std::vector<char*> words;
  for (const std::string& entry : environment) words.push_back(const_cast<char*>(entry.c_str()));
  words.push_back(nullptr);
  auto [its_input, input] = make_pipe();
  auto [output, its_output] = make_pipe();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, its_input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, its_output.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, its_output.get(), STDERR_FILENO);
  // Onto itself: it is no longer closed on exec.
  if (place.listener >= 0) ::posix_spawn_file_actions_adddup2(&actions, place.listener, place.listener);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  char* arguments[] = {const_cast<char*>(self.c_str()), nullptr};
  const int error = ::posix_spawn(&id_, self.c_str(), &actions, nullptr, arguments, words.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error(std::string("a rank cannot be started: ") + std::strerror(error));
  in_ = std::move(input);
  out_ = std::move(output);
}

RankProcess::RankProcess(RankProcess&& other) noexcept
    : id_(std::exchange(other.id_, -1)),
      in_(std::move(other.in_)),
      out_(std::move(other.out_)),
      at_end_(other.at_end_),
      cut_short_(other.cut_short_),
      text_(std::move(other.text_)),
      read_(other.read_) {}

RankProcess::~RankProcess() {
  if (id_ <= 0) return;
  ::kill(id_, SIGKILL);
  ::waitpid(id_, nullptr, 0);
}

void RankProcess::signal(int number) const {
  if (::kill(id_, number) != 0) fail("a signal to a rank");
}

void RankProcess::tell(const std::string& line) const {
  const std::string whole = line + "\n";
  if (::write(in_.get(), whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) fail("a line to a rank");
}

void RankProcess::read_more(int milliseconds) {
  pollfd waits{out_.get(), POLLIN, 0};
  if (at_end_ || ::poll(&waits, 1, milliseconds) <= 0) return;
  char buffer[4096];
  const ssize_t got = ::read(out_.get(), buffer, sizeof buffer);
  if (got > 0) text_.append(buffer, static_cast<size_t>(got));
  at_end_ = got == 0;
}

std::string RankProcess::line() {
  const auto last = Clock::now() + kPatience;
  size_t end = text_.find('\n', read_);
  for (; end == text_.npos && !at_end_; end = text_.find('\n', read_)) {
    if (Clock::now() > last) throw std::runtime_error("no other line after: " + text_);
    read_more(1000);
  }
  if (end == text_.npos) return "";
  const size_t begin = std::exchange(read_, end + 1);
  return text_.substr(begin, end - begin);
}

void RankProcess::read_until(const std::string& text) {
  const auto last = Clock::now() + kPatience;
  while (text_.find(text) == text_.npos) {
    if (at_end_ || Clock::now() > last) throw std::runtime_error("no \"" + text + "\" in: " + text_);
    read_more(1000);
  }
}

bool RankProcess::ended() {
  read_more(50);
  return at_end_;
}

RankEnd RankProcess::end() {
  std::vector<RankProcess> alone;
  alone.push_back(std::move(*this));
  return ends_of(alone).front();
}

RankEnd RankProcess::collect() {
  int status = 0;
  if (::waitpid(std::exchange(id_, -1), &status, 0) < 0) fail("waitpid");
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), cut_short_, text_};
}

std::vector<RankEnd> ends_of(std::vector<RankProcess>& ranks) {
  std::vector<RankEnd> ends(ranks.size());
  std::vector<bool> known(ranks.size());
  auto deadline = Clock::now() + std::chrono::minutes(10);
  bool failed = false;
  for (;;) {
    std::vector<pollfd> waited;
    for (size_t i = 0; i < ranks.size(); ++i) {
      RankProcess& rank = ranks[i];
      if (rank.at_end_ && !known[i]) {
        ends[i] = rank.collect();
        known[i] = true;
        if (ends[i].exit != 0 && !std::exchange(failed, true))
          deadline = std::min(deadline, Clock::now() + std::chrono::minutes(1));
      }
      if (!known[i]) waited.push_back({rank.out_.get(), POLLIN, 0});
    }
    if (waited.empty()) return ends;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left > 0) ::poll(waited.data(), waited.size(), static_cast<int>(left));
    for (size_t i = 0; i < ranks.size(); ++i) {
      if (known[i]) continue;
      if (left <= 0) {
        ranks[i].cut_short_ = true;
        ranks[i].signal(SIGKILL);
      }
      ranks[i].read_more(0);
    }
  }
}

std::vector<RankProcess> start_ranks(const RankBody& body, int world, Port& port, RankPlace place) {
  std::vector<RankProcess> ranks;
  place.world = world;
  place.port = port.number();
  for (int rank = 0; rank < world; ++rank) {
    place.rank = rank;
    place.listener = rank == 0 ? port.descriptor() : -1;
    ranks.emplace_back(body, place);
  }
  port.close();
  return ranks;
}

std::vector<RankEnd> run_ranks(const RankBody& body, int world, const std::filesystem::path& folder,
                               const std::string& argument) {
  Port port;
  RankPlace place;
  place.folder = folder;
  place.argument = argument;
  std::vector<RankProcess> ranks = start_ranks(body, world, port, place);
  return ends_of(ranks);
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
                          number("SELFSUP_TEST_PORT"),     number("SELFSUP_TEST_LISTENER"),
                          variable("SELFSUP_TEST_JOB"),    std::chrono::milliseconds(number("SELFSUP_TEST_PATIENCE"))};
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
