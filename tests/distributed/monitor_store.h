// A store of keys on loopback, as rank 0 serves one, for tests of the monitor alone.
#pragma once
#include <chrono>
#include <cstdint>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "processes.h"

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

// Serves as long as it lives.
class StoreServer {
 public:
  StoreServer() {
    Port port;
    serve(port.release(), port.number());
  }
  // listener: a socket that listens at that port; the store's from now on.
  StoreServer(int listener, int port) { serve(listener, port); }
  StorePointer connect() const { return connect_store(port_); }

 private:
  void serve(int listener, int port) {
    port_ = port;
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(port);
    options.isServer = true;
    options.waitWorkers = false;
    options.masterListenFd = listener;
    server_ = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
  }

  int port_ = 0;
  c10::intrusive_ptr<c10d::TCPStore> server_;
};

}  // namespace selfsup::test
