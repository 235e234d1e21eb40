#include "distributed/store.h"

#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <future>
#include <memory>
#include <thread>

#include "base/errors.h"
#include "distributed/rank_text.h"

namespace selfsup::distributed {
namespace {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using std::chrono::milliseconds;

c10d::TCPStoreOptions options_of(int port, milliseconds patience) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.waitWorkers = false;
  options.timeout = std::max(patience, milliseconds(5000));  // of connecting, counted in whole seconds
  // Of its two servers the one that waits for all connections at once: the other reads one after the other, and one
  // that sends half a request would stop it.
  options.useLibUV = true;
  return options;
}

// LibTorch greets the server and waits for its answer without a limit: in a thread, which is left behind if none comes.
StorePointer open(const Number& number, const c10d::TCPStoreOptions& options) {
  auto promise = std::make_shared<std::promise<StorePointer>>();
  std::future<StorePointer> opened = promise->get_future();
  std::thread([promise, number, options] {
    try {
      promise->set_value(c10::make_intrusive<c10d::TCPStore>(number, options));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }).detach();
  const milliseconds patience = options.timeout + milliseconds(1000);
  const auto failure = [&](const std::string& why) {
    const std::string by = who_listens(options.port);
    return Error(Exit::peer,
                 fmt::format("what listens on port {} of {}{} does not answer as rank 0 of a run would: {}; give "
                             "another port with --master-port, MASTER_PORT or env_cfg.dist_cfg.port",
                             options.port, number, by.empty() || !is_loopback(number) ? "" : ", " + by + ",", why));
  };
  if (opened.wait_for(patience) != std::future_status::ready) throw failure("silence for " + seconds_text(patience));
  try {
    return opened.get();
  } catch (const std::exception& e) {
    throw failure(first_line(e.what()));
  }
}

StorePointer limited(StorePointer store, const Number& number, int port, milliseconds patience) {
  limit_connections(number, port, patience);
  store->setTimeout(patience);
  return store;
}

}  // namespace

StorePointer serve_store(Listener& listener, milliseconds patience) {
  const int port = listener.port();
  c10d::TCPStoreOptions options = options_of(port, patience);
  options.isServer = true;
  options.masterListenFd = listener.release();
  return limited(open(listener.number(), options), listener.number(), port, patience);
}

StorePointer connect_store(const Number& number, int port, milliseconds patience) {
  return limited(open(number, options_of(port, patience)), number, port, patience);
}

}  // namespace selfsup::distributed
