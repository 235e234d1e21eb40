// A store of keys on loopback, as rank 0 serves one, for tests of the monitor alone.
#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace selfsup::test {

using StorePointer = c10::intrusive_ptr<c10d::Store>;

// A connection of its own.
inline StorePointer connect_store(int port) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.waitWorkers = false;
  options.timeout = std::chrono::hours(1);
  return c10::make_intrusive<c10d::PrefixStore>("test", c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options));
}

// Serves as long as it lives, at a port that was free.
class StoreServer {
 public:
  StoreServer() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (listener < 0 || ::bind(listener, generic, length) != 0 || ::listen(listener, 64) != 0 ||
        ::getsockname(listener, generic, &length) != 0)
      throw std::runtime_error("no socket on loopback");
    port_ = ntohs(address.sin_port);
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(port_);
    options.isServer = true;
    options.waitWorkers = false;
    options.masterListenFd = listener;
    server_ = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
  }
  int port() const { return port_; }
  StorePointer connect() const { return connect_store(port_); }

 private:
  int port_ = 0;
  c10::intrusive_ptr<c10d::TCPStore> server_;
};

}  // namespace selfsup::test
