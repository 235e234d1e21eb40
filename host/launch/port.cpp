#include "launch/port.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "base/errors.h"
#include "base/text.h"
#include "base/utf8.h"

namespace selfsup::launch {
namespace {

namespace fs = std::filesystem;

// "socket:[4711]", as /proc/*/fd names the sockets that listen on the port, on whatever address.
std::set<std::string> listening_sockets(int port) {
  std::set<std::string> sockets;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);  // the header
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
      words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
      const size_t colon = local.rfind(':');
      constexpr const char* listens = "0A";
      if (colon == std::string::npos || state != listens) continue;
      if (std::strtol(local.c_str() + colon + 1, nullptr, 16) == port) sockets.insert("socket:[" + inode + "]");
    }
  }
  return sockets;
}

bool has_one_of(const fs::path& process, const std::set<std::string>& sockets) {
  std::error_code failed;
  for (fs::directory_iterator entry(process / "fd", failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code gone;
    if (sockets.count(fs::read_symlink(entry->path(), gone).string())) return true;
  }
  return false;
}

// Words apart by blanks; for one line of a message.
std::string command_of(const fs::path& process) {
  std::ifstream file(process / "cmdline", std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  constexpr size_t longest = 120;
  return shortened(printable(text), longest);
}

[[noreturn]] void refuse(int descriptor, int wanted, const std::string& from) {
  const int error = errno;
  ::close(descriptor);
  if (error == EADDRINUSE && wanted != 0)
    throw Error(Exit::usage, fmt::format("port {} is in use by {}; {} asks for it: give another one there, or none for "
                                         "one that is free",
                                         wanted, holder_of_port(wanted), from));
  throw Error(Exit::usage, fmt::format("cannot listen on 127.0.0.1, port {}: {}; {}", wanted, std::strerror(error),
                                       wanted == 0 ? "the ranks of this machine meet there" : from + " asks for it"));
}

}  // namespace

std::string holder_of_port(int port) {
  const std::set<std::string> sockets = listening_sockets(port);
  std::error_code failed;
  for (fs::directory_iterator entry("/proc", failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    const bool process = std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (process && has_one_of(entry->path(), sockets))
      return fmt::format("process {} ({})", name, command_of(entry->path()));
  }
  return "another process";
}

Listener listen_on_loopback(int wanted, const std::string& from) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) refuse(descriptor, wanted, from);
  // A port that a run has just left is free at once.
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(wanted));
  socklen_t size = sizeof address;
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(descriptor, SOMAXCONN) != 0 ||
      ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    refuse(descriptor, wanted, from);
  return {descriptor, ntohs(address.sin_port)};
}

}  // namespace selfsup::launch
