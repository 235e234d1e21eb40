#include "report/metrics.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/errors.h"
#include "report/lines.h"

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

void copy_beginning(const std::string& from, const std::string& to, uint64_t bytes) try {
  constexpr uint64_t kPiece = 1u << 20;
  const RegularFile file(from);
  WholeAppends copy(to);
  std::string piece;
  for (uint64_t offset = 0; offset < bytes; offset += piece.size()) {
    piece.resize(std::min(kPiece, bytes - offset));
    piece.resize(file.read(offset, piece.data(), piece.size()));
    if (piece.empty()) return;  // it has become shorter meanwhile
    if (!copy.append(piece)) throw Error(Exit::storage, fmt::format("cannot write {}: the disk takes no more", to));
  }
} catch (const FileError& error) {
  throw Error(Exit::storage, fmt::format("cannot read {}: {}", from, error.what()));
}

}  // namespace

void begin_metrics(const std::string& earlier, const std::string& path, int64_t step, bool probe_too) {
  std::optional<Lines> lines = Lines::of(earlier);
  if (!lines) return;
  uint64_t keep = 0;
  bool whole = true;
  for (std::string line; lines->next(line); keep = lines->offset()) {
    whole = lines->ended() && !is_to_be_written(line, earlier, step, probe_too);
    if (!whole) break;
  }
  if (path != earlier) return copy_beginning(earlier, path, keep);
  if (!whole && uninterrupted([&] { return ::truncate(path.c_str(), static_cast<off_t>(keep)); }) != 0)
    throw Error(Exit::storage, fmt::format("cannot shorten {}: {}", path, std::strerror(errno)));
}

}  // namespace selfsup::report
