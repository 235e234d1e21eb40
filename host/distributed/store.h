// LibTorch's store of keys over TCP, opened so that it listens on one address alone and that nothing waits for ever.
// Knows no key and no rank.
#pragma once
#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <string>

#include "distributed/network.h"

namespace c10d {
class Store;
}

namespace selfsup::distributed {

// Serves keys there, from a thread of its own, until the last reference goes. The store is a connection to it too.
c10::intrusive_ptr<c10d::Store> serve_store(Listener& listener, std::chrono::milliseconds patience);

// A connection to a store that somebody serves. An operation throws what LibTorch throws after `patience`, after twice
// that where the server itself stands still; the connection is of no use then. Error(peer): what answers is no store.
c10::intrusive_ptr<c10d::Store> connect_store(const Number& number, int port, std::chrono::milliseconds patience);

}  // namespace selfsup::distributed
