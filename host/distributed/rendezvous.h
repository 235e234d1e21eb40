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
  // address; never on all. The others connect, and try again until `patience` is over. Returns when all ranks are here.
  // Every key begins with the job, and each rank claims its number: a process of another job, or a second one of this
  // number, is recognised and named. The socket of meeting.listener is taken over, and closed.
  // Error(usage): the port is in use (who has it, if that can be told, and what to change) or another job's, the
  // address is not of this machine or cannot be resolved, the number is taken. Error(disagree): another number of
  // ranks. Error(peer): nobody answered, with address, error, tries and time; or ranks did not come: which.
  Rendezvous(const launch::Ranks& ranks, const launch::Meeting& meeting, std::chrono::milliseconds patience);
  ~Rendezvous();
  Rendezvous(const Rendezvous&) = delete;
  Rendezvous& operator=(const Rendezvous&) = delete;

  // Keys of its own for that purpose ("selfsup/JOB/PURPOSE/…"), over a connection of its own: any thread, one at a time
  // for each. An operation gives up after `patience`, after twice that where rank 0's process stands still; then, and
  // when rank 0 has gone, it throws what LibTorch throws, and the store is of no use any more. Error(peer).
  c10::intrusive_ptr<c10d::Store> store(const std::string& purpose, std::chrono::milliseconds patience) const;
  // The interface by which this rank reaches the others: "lo", "eth0"; for gloo.
  const std::string& interface() const { return interface_; }

 private:
  void find_store(const launch::Meeting& meeting, std::chrono::milliseconds patience);
  std::string wait_for(const std::string& key, std::chrono::milliseconds patience) const;
  void recognise(std::chrono::milliseconds patience) const;
  void claim() const;
  void gather(std::chrono::milliseconds patience) const;
  std::string place() const;  // of the store, for messages

  launch::Ranks ranks_;
  bool served_;  // by the launcher, for whom else we cannot tell
  std::string number_, interface_;
  int port_ = 0;
  c10::intrusive_ptr<c10d::Store> server_, client_;  // server_: rank 0's, whose end is the store's
};

}  // namespace selfsup::distributed
