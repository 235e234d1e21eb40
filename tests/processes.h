// Ranks as processes of this same executable, for tests of what many ranks do. Knows no LibTorch, no test framework.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

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

struct RankPlace {
  int rank = 0, world = 1;
  std::filesystem::path folder = {};  // of all ranks
  std::string argument = {};
  int port = 0;       // of loopback, where rank 0 may listen
  int listener = -1;  // of rank 0: the socket, bound to that port and listening
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
  std::string text;        // of both streams
};

// Starts `world` processes with one thread for arithmetic each, and waits until all have ended. Once one has failed,
// the others have a minute; altogether there are ten. They die with this process.
std::vector<RankEnd> run_ranks(const RankBody& body, int world, const std::filesystem::path& folder,
                               const std::string& argument = "");
// Empty when all have ended well, else what each of the others said.
std::string failures(const std::vector<RankEnd>& ends);

// In a process that run_ranks has started: does what it is for and returns its exit code.
std::optional<int> serve_as_rank();

}  // namespace selfsup::test
