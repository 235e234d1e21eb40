// Ranks as processes of this same executable, which tests start, stop and kill, and of which none is left behind.
// Knows no LibTorch, no test framework.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace selfsup::test {

// A folder of its own, removed with the object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A socket that listens on loopback, on a free port; closed with it.
class Port {
 public:
  Port();
  int descriptor() const { return socket_.get(); }
  int number() const { return number_; }
  void close() { socket_ = Fd(); }
  int release() { return socket_.release(); }  // the socket is the caller's from now on

 private:
  Fd socket_;
  int number_ = 0;
};

struct RankPlace {
  int rank = 0, world = 1;
  std::filesystem::path folder = {};  // of all ranks
  std::string argument = {};
  int port = 0;       // of loopback, where rank 0 may listen
  int listener = -1;  // of rank 0: the socket, bound to that port and listening
  std::string job = "job";
  std::chrono::milliseconds patience = std::chrono::minutes(5);  // with the others
};

// What a rank does; one object of static life in the file of its test. What it throws is the rank's error: an exit code
// as of Error, else 1, and the text.
class RankBody {
 public:
  RankBody(std::string name, std::function<void(const RankPlace&)> body);
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

struct RankEnd {
  int exit = 0;            // code, or 128 + signal
  bool cut_short = false;  // it had to be killed
  std::string text;        // all that it wrote to both streams
};

// A rank, started, with one thread for arithmetic. It dies with this process, and with the object. What does not come
// within two minutes is an error, thrown.
class RankProcess {
 public:
  RankProcess(const RankBody& body, const RankPlace& place);
  ~RankProcess();
  RankProcess(RankProcess&& other) noexcept;
  RankProcess& operator=(RankProcess&&) = delete;

  pid_t id() const { return id_; }
  void signal(int number) const;
  void tell(const std::string& line) const;  // on its standard input
  std::string line();                        // the next that it has written; "" at its end
  void read_until(const std::string& text);  // it has written that by now; an error if it ends before
  bool ended();                              // within a moment
  RankEnd end();                             // as ends_of

 private:
  friend std::vector<RankEnd> ends_of(std::vector<RankProcess>& ranks);
  void read_more(int milliseconds);  // waits so long for something, or the end
  RankEnd collect();

  pid_t id_ = -1;
  Fd in_, out_;
  bool at_end_ = false, cut_short_ = false;
  std::string text_;
  size_t read_ = 0;  // of the text, by line()
};

// All ranks of a world that meet at `port`: its socket goes to rank 0, and is closed here, so that who calls rank 0 in
// vain is told so. place: of all; number, port and listener are filled in.
std::vector<RankProcess> start_ranks(const RankBody& body, int world, Port& port, RankPlace place = {});
// Waits until all have ended. Once one has failed, the others have a minute; altogether there are ten.
std::vector<RankEnd> ends_of(std::vector<RankProcess>& ranks);
// Both, at a port of their own.
std::vector<RankEnd> run_ranks(const RankBody& body, int world, const std::filesystem::path& folder,
                               const std::string& argument = "");
// Empty when all have ended well, else what each of the others said.
std::string failures(const std::vector<RankEnd>& ends);

// In a process that was started as a rank: does what it is for and returns its exit code.
std::optional<int> serve_as_rank();

}  // namespace selfsup::test
