// Which way the pieces of ssp.nn went that plugins asked for: how many ran as one, and why others did not, which the
// log says once for each component and reason. Main thread.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <utility>

namespace selfsup::bridge {

class FusedUse {
 public:
  void ran() { ++count_; }
  int64_t count() const { return count_; }
  // who: "backbone (NAME of PLUGIN)"; what: "mlp".
  void fell_back(const std::string& who, const std::string& what, const std::string& reason);

 private:
  int64_t count_ = 0;
  std::set<std::pair<std::string, std::string>> told_;
};

}  // namespace selfsup::bridge
