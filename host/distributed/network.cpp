#include "distributed/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

#include "base/errors.h"

namespace selfsup::distributed {
namespace {

using std::chrono::milliseconds;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// 0, or what getaddrinfo says.
int look_up(const std::string& name, int port, int flags, AddressList& found) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  const std::string service = std::to_string(port);
  const int status = getaddrinfo(name.c_str(), service.c_str(), &hints, &list);
  found = AddressList(list, &freeaddrinfo);
  return status;
}

std::string resolver_text(int status) { return status == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(status); }

Number number_of(const sockaddr* address, socklen_t length) {
  char text[NI_MAXHOST];
  if (getnameinfo(address, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
  constexpr std::string_view mapped = "::ffff:";  // an address of IPv4 in a socket of IPv6
  const std::string_view number = text;
  const bool is_mapped = number.starts_with(mapped) && number.find('.') != std::string_view::npos;
  return Number(is_mapped ? number.substr(mapped.size()) : number);
}

int port_of(const Address& address) {
  if (address.storage.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
  return ntohs(reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port);
}

Address address_of(const Number& number, int port) {
  AddressList list(nullptr, &freeaddrinfo);
  if (const int status = look_up(number, port, AI_NUMERICHOST | AI_NUMERICSERV, list); status != 0)
    throw Error(Exit::usage, fmt::format("{} is no address: {}", number, resolver_text(status)));
  Address out;
  out.length = list->ai_addrlen;
  std::memcpy(&out.storage, list->ai_addr, list->ai_addrlen);
  return out;
}

Address name_of(int descriptor, int (*ask)(int, sockaddr*, socklen_t*)) {
  Address out;
  out.length = sizeof out.storage;
  if (ask(descriptor, out.get(), &out.length) != 0) out.length = 0;
  return out;
}

// Calls visit(name, flags, number) for each address of this machine.
template <class Visit>
void for_each_interface(Visit visit) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr) continue;
    const int family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    visit(std::string(at->ifa_name), at->ifa_flags, number_of(at->ifa_addr, length));
  }
}

// 0, or errno; waits until the deadline, and no longer than a few seconds.
int try_connecting(const Number& number, int port, const Deadline& deadline, Number& own) {
  const Address address = address_of(number, port);
  const Socket socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return errno;
  if (::connect(socket.get(), address.get(), address.length) != 0) {
    if (errno != EINPROGRESS) return errno;
    const Deadline attempt(std::min(deadline.left() + milliseconds(100), milliseconds(5000)));
    pollfd waits{socket.get(), POLLOUT, 0};
    int ready = 0;
    do ready = ::poll(&waits, 1, static_cast<int>(attempt.left().count()));
    while (ready < 0 && errno == EINTR);
    if (ready <= 0) return ready < 0 ? errno : ETIMEDOUT;
    int status = 0;
    socklen_t length = sizeof status;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &status, &length) != 0) return errno;
    if (status != 0) return status;
  }
  const Address here = name_of(socket.get(), &::getsockname), there = name_of(socket.get(), &::getpeername);
  own = number_of(here.get(), here.length);
  // A free port may be given to the very socket that tries to reach it, which then talks to itself.
  if (here.length == there.length && std::memcmp(&here.storage, &there.storage, here.length) == 0) return ECONNREFUSED;
  return 0;
}

}  // namespace

std::string seconds_text(milliseconds time) { return fmt::format("{:g} s", static_cast<double>(time.count()) / 1000); }

std::vector<Number> resolve(const std::string& name) {
  AddressList list(nullptr, &freeaddrinfo);
  if (const int status = look_up(name, 0, 0, list); status != 0)
    throw Error(Exit::usage, fmt::format("the address \"{}\" cannot be resolved: {}", name, resolver_text(status)));
  std::vector<Number> out;
  for (const addrinfo* at = list.get(); at; at = at->ai_next) {
    Number number = number_of(at->ai_addr, at->ai_addrlen);
    if (!number.empty() && std::find(out.begin(), out.end(), number) == out.end()) out.push_back(std::move(number));
  }
  return out;
}

bool is_loopback(const Number& number) { return number.starts_with("127.") || number == "::1"; }

std::string loopback_interface() {
  std::string found;
  for_each_interface([&](const std::string& name, unsigned flags, const Number&) {
    if (found.empty() && (flags & IFF_LOOPBACK) && (flags & IFF_UP)) found = name;
  });
  if (found.empty())
    throw Error(Exit::failed, "this machine has no loopback interface that is up, over which its ranks are to meet");
  return found;
}

std::string interface_of(const Number& number) {
  std::string found;
  for_each_interface([&](const std::string& name, unsigned, const Number& own) {
    if (found.empty() && own == number) found = name;
  });
  // All of 127.0.0.0/8 is the loopback's, which lists one of them.
  return found.empty() && is_loopback(number) ? loopback_interface() : found;
}

Listener::Listener(const Number& number, int port) {
  const Address address = address_of(number, port);
  descriptor_ = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) throw Error(Exit::failed, fmt::format("no socket: {}", std::strerror(errno)));
  const int on = 1;
  ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(descriptor_, address.get(), address.length) == 0 && ::listen(descriptor_, SOMAXCONN) == 0) {
    take_name();
    return;
  }
  const int status = errno;
  ::close(descriptor_);
  const std::string by = status == EADDRINUSE ? who_listens(port) : std::string();
  throw Error(Exit::usage,
              status == EADDRINUSE
                  ? fmt::format("port {} of {} is in use{}: give another one with --master-port, PORT of the scripts, "
                                "MASTER_PORT or env_cfg.dist_cfg.port, the same to all ranks",
                                port, number, by.empty() ? "" : " by " + by)
                  : fmt::format("rank 0 cannot listen on port {} of {}: {}", port, number, std::strerror(status)));
}

Listener::Listener(int descriptor) : descriptor_(descriptor) {
  int listens = 0;
  socklen_t length = sizeof listens;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0 || !listens) {
    descriptor_ = -1;
    throw Error(Exit::usage, fmt::format("descriptor {}, on which rank 0 is to be reached, is no socket that listens: "
                                         "it comes from the launcher, in SELFSUP_LISTENER",
                                         descriptor));
  }
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  take_name();
}

Listener::~Listener() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int Listener::release() { return std::exchange(descriptor_, -1); }

void Listener::take_name() {
  const Address own = name_of(descriptor_, &::getsockname);
  number_ = number_of(own.get(), own.length);
  port_ = port_of(own);
}

Reached reach(const std::string& name, int port, const Deadline& deadline) {
  milliseconds pause(20);
  for (int tries = 1;; ++tries) {
    std::string last;
    bool resolved = false;
    try {
      for (const Number& number : resolve(name)) {
        resolved = true;
        Reached out{number, {}};
        const int status = try_connecting(number, port, deadline, out.own);
        if (status == 0) return out;
        last = fmt::format("{}: {}", number, std::strerror(status));
      }
    } catch (const Error& e) {
      last = e.what();
    }
    // A name may be late, too, but less so: one that is misspelt does not take the whole time.
    if (deadline.over() || (!resolved && deadline.elapsed() > milliseconds(20'000))) {
      const std::string effort =
          fmt::format("{} {} in {}", tries, tries == 1 ? "try" : "tries", seconds_text(deadline.elapsed()));
      if (!resolved) throw Error(Exit::usage, fmt::format("{} ({})", last, effort));
      throw Error(Exit::peer,
                  fmt::format("rank 0 did not answer at {}:{} ({}; {}): is it started, do address and port name its "
                              "machine and its port, and does a firewall let them through?",
                              name, port, last, effort));
    }
    std::this_thread::sleep_for(std::min(pause, deadline.left() + milliseconds(1)));
    pause = std::min(pause * 2, milliseconds(500));
  }
}

void limit_connections(const Number& number, int port, milliseconds limit) {
  const timeval time{limit.count() / 1000, static_cast<suseconds_t>(limit.count() % 1000 * 1000)};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int descriptor = std::atoi(entry.path().filename().c_str());
    const Address peer = name_of(descriptor, &::getpeername);
    if (peer.length == 0 || (peer.storage.ss_family != AF_INET && peer.storage.ss_family != AF_INET6)) continue;
    if (port_of(peer) != port || number_of(peer.get(), peer.length) != number) continue;
    timeval now{};
    socklen_t length = sizeof now;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &now, &length) != 0 || now.tv_sec || now.tv_usec) continue;
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  }
}

std::string who_listens(int port) {
  std::vector<std::string> sockets;  // as /proc/PID/fd shows them
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);  // the heading
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string slot, local, remote, state, skip, inode;
      words >> slot >> local >> remote >> state;
      for (int i = 0; i < 5; ++i) words >> skip;
      words >> inode;
      const size_t colon = local.rfind(':');
      if (state != "0A" || colon == std::string::npos) continue;
      if (std::stoi(local.substr(colon + 1), nullptr, 16) == port) sockets.push_back("socket:[" + inode + "]");
    }
  }
  if (sockets.empty()) return {};
  namespace fs = std::filesystem;
  std::error_code error;
  for (fs::directory_iterator process("/proc", error), end; !error && process != end; process.increment(error)) {
    const std::string pid = process->path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code hidden;
    for (fs::directory_iterator at(process->path() / "fd", hidden), last; !hidden && at != last; at.increment(hidden)) {
      std::error_code gone;
      const std::string target = fs::read_symlink(at->path(), gone);
      if (gone || std::find(sockets.begin(), sockets.end(), target) == sockets.end()) continue;
      std::string command;
      std::ifstream file(process->path() / "comm");
      std::getline(file, command);
      return fmt::format("process {} ({})", pid, command);
    }
  }
  return {};
}

}  // namespace selfsup::distributed
