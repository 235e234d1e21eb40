// The backend that carries tensors of the CPU between ranks: LibTorch's gloo, whose headers only gloo.cpp includes.
// Knows no group.
#pragma once
#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <string>

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace selfsup::distributed {

// Connects every rank to every other; returns when all are. The store is for this backend alone. interface: the one
// that it listens on, and no other. timeout: of connecting, and of each operation. Throws what LibTorch throws.
c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world,
                                                    const std::string& interface, std::chrono::milliseconds timeout);

}  // namespace selfsup::distributed
