// Where the ranks of a run find one another: a store of keys that rank 0 (or torchrun's agent) serves. Knows no tensor.
#pragma once
#include <chrono>
#include <string>

#include <c10/util/intrusive_ptr.h>
#include "launch/ranks.h"

namespace c10d {
class Store;
}

namespace selfsup::distributed {

class Rendezvous {
 public:
  // Rank 0 listens: on loopback alone when all ranks are on one machine, else on the interface that has the meeting's
  // address; never on all. The others connect, and try again until `patience` is over. Every key begins with the job,
  // and each rank claims its number: a process of another job, or a second one of this number, is recognised and named.
  // Error(usage): the port is in use (who has it, if that can be told, and what to change), the address is not of this
  // machine or cannot be resolved; Error(peer): nobody answered, with address, error and time.
  Rendezvous(const launch::Ranks& ranks, const launch::Meeting& meeting, std::chrono::milliseconds patience);

  // Keys of its own for that purpose, over a connection of its own: any thread, one at a time for each. Operations give
  // up after `patience`.
  c10::intrusive_ptr<c10d::Store> store(const std::string& purpose, std::chrono::milliseconds patience) const;
  // The interface by which this rank reaches the others: "lo", "eth0"; for gloo.
  const std::string& interface() const { return interface_; }

 private:
  launch::Ranks ranks_;
  launch::Meeting meeting_;
  std::string interface_;
  c10::intrusive_ptr<c10d::Store> server_, client_;
};

}  // namespace selfsup::distributed
