#include "report/metrics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/errors.h"

namespace selfsup::report {
namespace {

// Lines that cannot be read (of another program, say) do not decide where to cut.
bool is_to_be_written(const std::string& line, const std::string& path, int64_t step, bool probe_too) {
  try {
    const Json object = parse_json(line, path, "metrics");
    const Json* at = object.find("step");
    if (!at || !at->is_int()) return false;
    return at->as_int() > step || (probe_too && at->as_int() == step && object.has("probe/knn"));
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

void MetricsFile::write(const Json& object) {
  const bool ends_a_torn_line = file_.torn();
  if (!file_.append((ends_a_torn_line ? "\n" : "") + to_text(object) + "\n"))
    ++dropped_;
  else if (ends_a_torn_line)
    file_.mend();
}

void cut_metrics(const std::string& path, int64_t step, bool probe_too) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    if (errno == ENOENT) return;
    throw Error(Exit::storage, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  off_t keep = 0;
  bool cut = false;
  std::string line;
  while (!cut && std::getline(in, line)) {
    cut = in.eof() || is_to_be_written(line, path, step, probe_too);  // eof: the line has no end
    if (!cut) keep += static_cast<off_t>(line.size() + 1);
  }
  if (cut && ::truncate(path.c_str(), keep) != 0)
    throw Error(Exit::storage, fmt::format("cannot shorten {}: {}", path, std::strerror(errno)));
}

}  // namespace selfsup::report
