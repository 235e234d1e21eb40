// Addresses, interfaces and plain TCP sockets, as far as a meeting of processes needs them. Knows no store and no rank.
#pragma once
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace selfsup::distributed {

// Since when, and until when, something is tried.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Deadline(std::chrono::milliseconds patience) : start_(Clock::now()), patience_(patience) {}
  std::chrono::milliseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start_);
  }
  std::chrono::milliseconds left() const { return std::max(patience_ - elapsed(), std::chrono::milliseconds(0)); }
  bool over() const { return elapsed() >= patience_; }

 private:
  Clock::time_point start_;
  std::chrono::milliseconds patience_;
};
std::string seconds_text(std::chrono::milliseconds time);  // "60 s", "0.5 s"

// An address as a number: "127.0.0.1", "::1", "fe80::1%eth0".
using Number = std::string;

// The numbers of a name or a number, in the resolver's order, each once. Error(usage) with the resolver's text.
std::vector<Number> resolve(const std::string& name);
bool is_loopback(const Number& number);
std::string loopback_interface();                // "lo"; Error(failed) if this machine has none
std::string interface_of(const Number& number);  // that has this address; empty: none of this machine

// A socket that listens; closed unless released.
class Listener {
 public:
  // Of that address alone. Error(usage): the port is in use (by whom, if that can be told), or not this machine's.
  Listener(const Number& number, int port);
  // One that is bound and listens already. Error(usage) if it does not.
  explicit Listener(int descriptor);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const Number& number() const { return number_; }
  int port() const { return port_; }
  int release();  // the descriptor, which is the caller's from now on

 private:
  void take_name();

  int descriptor_ = -1;
  Number number_;
  int port_ = 0;
};

struct Reached {
  Number number;  // that answered
  Number own;     // by which this machine reaches it
};
// Connects, and lets go again; tries until the deadline. Error(usage): the name cannot be resolved; Error(peer): nobody
// answers; both with the last error, tries and time.
Reached reach(const std::string& name, int port, const Deadline& deadline);

// Every socket of this process that is connected to there and has no time limit yet gives up sending and receiving
// after that time.
void limit_connections(const Number& number, int port, std::chrono::milliseconds limit);

// "process 4711 (selfsup-host)"; empty where it cannot be told: another user's, or nobody's.
std::string who_listens(int port);

}  // namespace selfsup::distributed
