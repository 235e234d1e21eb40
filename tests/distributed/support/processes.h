// Ranks as processes of rank_helper, of which none is left behind, and a port to meet at.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace selfsup::distributed::testing {

// A socket that listens on loopback, on a free port; closed with it.
class Port {
 public:
  Port();
  ~Port() { close(); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  int descriptor() const { return descriptor_; }
  int number() const { return number_; }
  void close();

 private:
  int descriptor_, number_;
};

struct End {
  int code;  // of exit, or 128 + the signal
  std::string output;
};

class Process {
 public:
  // The words of rank_helper. listener: inherited; its number there is `inherited`.
  explicit Process(const std::vector<std::string>& words, int listener = -1);
  ~Process();  // kills
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  pid_t id() const { return id_; }
  void signal(int number) const;
  std::string read_until(const std::string& text);  // all output so far; throws if it ends, or a minute passes, first
  bool ended();                                     // within a moment
  End end();                                        // waits for it, two minutes

 private:
  bool read_more(int milliseconds);  // false: nothing came, or the end

  pid_t id_ = -1;
  int output_descriptor_ = -1;
  bool at_end_ = false;
  std::string output_;
};

constexpr int inherited = 100;

// What a rank of a test is told; rank_helper reads it.
struct Call {
  std::string mode;
  int rank = 0, world = 1, port = 0;
  std::string job = "job";
  int patience_ms = 60'000;
  std::vector<std::string> more = {};  // key=value
};
// listener: rank 0's.
Process start(const Call& call, const Port* listener = nullptr);

// All ranks of a run, which meet at `port`: its socket goes to rank 0, and is closed here.
std::vector<Process> start_all(const std::string& mode, int world, Port& port,
                               const std::vector<std::string>& more = {}, int patience_ms = 60'000);
std::vector<End> ends_of(std::vector<Process>& ranks);

}  // namespace selfsup::distributed::testing
