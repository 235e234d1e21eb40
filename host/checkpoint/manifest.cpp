#include "checkpoint/manifest.h"

#include <fmt/format.h>

#include <bit>

#include "base/hash.h"
#include "checkpoint/names.h"

namespace selfsup::checkpoint {
namespace {

constexpr std::string_view tail_open = ",\n  \"manifest_sha256\": \"";
constexpr std::string_view tail_close = "\"\n}\n";
constexpr size_t digest_digits = 64;

// More than any run has, and little enough that the products and sums of positions stay within 64 bits.
constexpr int64_t most_iters = 1'000'000'000'000'000'000, most_epochs = 1'000'000'000, most_in_epoch = 4'000'000'000,
                  most_ranks = 1'000'000;

int64_t count(const Json& object, std::string_view key, int64_t most = INT64_MAX, int64_t least = 0) {
  const int64_t value = object.get(key).as_int();
  if (value < least || value > most)
    throw Error(Exit::checkpoint, fmt::format("{} is {}; expected {} to {}", key, value, least, most));
  return value;
}

bool is_digest(std::string_view text) {
  return text.size() == digest_digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

Manifest from_json(const Json& json) {
  Manifest m;
  m.iter = count(json, "iter", most_iters);
  m.update = count(json, "update", most_iters);
  m.epoch = count(json, "epoch", most_epochs);
  m.iter_in_epoch = count(json, "iter_in_epoch", most_in_epoch);
  m.max_iters = count(json, "max_iters", most_iters);
  m.max_epochs = count(json, "max_epochs", most_epochs);
  m.seed = std::bit_cast<uint64_t>(json.get("seed").as_int());
  m.config = json.get("config");
  for (const Json& p : json.get("plugins").as_array())
    m.plugins.push_back({p.get("id").as_string(), p.get("version").as_string(), p.get("sha256").as_string()});
  m.world = count(json, "world", most_ranks, 1);
  m.threads = count(json, "threads", most_ranks);
  for (const Json& bucket : json.get("buckets").as_array()) {
    auto& indices = m.buckets.emplace_back();
    for (const Json& index : bucket.as_array()) indices.push_back(index.as_int());
  }
  m.host_version = json.get("host_version").as_string();
  m.libtorch_version = json.get("libtorch_version").as_string();
  for (const Json& f : json.get("files").as_array()) {
    FileRecord record{f.get("name").as_string(), static_cast<uint64_t>(count(f, "size")), f.get("sha256").as_string()};
    if (!valid_file_name(record.name))
      throw Error(Exit::checkpoint, fmt::format("{} is no name of a file", record.name));
    if (!is_digest(record.sha256)) throw Error(Exit::checkpoint, fmt::format("{}: no SHA-256 digest", record.name));
    for (const FileRecord& other : m.files) {
      if (other.name == record.name) throw Error(Exit::checkpoint, fmt::format("{} is listed twice", record.name));
    }
    m.files.push_back(std::move(record));
  }
  m.extra = json.get("extra");
  return m;
}

}  // namespace

std::string manifest_text(const Manifest& m) {
  Json::Array plugins, buckets, files;
  for (const PluginRecord& p : m.plugins)
    plugins.push_back(Json(Json::Object{{"id", p.id}, {"version", p.version}, {"sha256", p.sha256}}));
  for (const auto& bucket : m.buckets) buckets.push_back(Json(Json::Array(bucket.begin(), bucket.end())));
  for (const FileRecord& f : m.files)
    files.push_back(Json(Json::Object{{"name", f.name}, {"size", static_cast<int64_t>(f.size)}, {"sha256", f.sha256}}));
  const Json json(Json::Object{{"format", m.format},
                               {"iter", m.iter},
                               {"update", m.update},
                               {"epoch", m.epoch},
                               {"iter_in_epoch", m.iter_in_epoch},
                               {"max_iters", m.max_iters},
                               {"max_epochs", m.max_epochs},
                               {"seed", std::bit_cast<int64_t>(m.seed)},  // two's complement: JSON has no uint64 here
                               {"world", m.world},
                               {"threads", m.threads},
                               {"host_version", m.host_version},
                               {"libtorch_version", m.libtorch_version},
                               {"plugins", Json(std::move(plugins))},
                               {"files", Json(std::move(files))},
                               {"buckets", Json(std::move(buckets))},
                               {"config", m.config},
                               {"extra", m.extra}});
  std::string text = to_text(json, 2);
  text.erase(text.rfind("\n}"));  // the object's own end: the digest comes before it
  const std::string digest = sha256_hex(text.data(), text.size());
  text += tail_open;
  text += digest;
  text += tail_close;
  return text;
}

Manifest parse_manifest(std::string_view text, const std::string& source) try {
  const size_t tail = tail_open.size() + digest_digits + tail_close.size();
  const size_t body = text.size() < tail ? 0 : text.size() - tail;
  if (text.size() < tail || text.substr(body, tail_open.size()) != tail_open || !text.ends_with(tail_close))
    throw Error(Exit::checkpoint, "it does not end with its digest");
  if (text.substr(body + tail_open.size(), digest_digits) != sha256_hex(text.data(), body))
    throw Error(Exit::checkpoint, "its SHA-256 does not match the one at its end");
  JsonLimits limits;
  limits.comments = false;
  limits.max_depth += 8;  // a configuration as deep as it may be lies in here a level down
  const Json json = parse_json(text, source, "manifest", limits);
  const int64_t format = json.get("format").as_int();
  if (format > Manifest::current_format) {
    throw NewerFormat(
        Exit::checkpoint,
        fmt::format("{} is of format {}, written by selfsup-host {}; this one reads formats up to {}. Use that "
                    "version or a newer one",
                    source, format, json.get_string("host_version", "of an unknown version"),
                    Manifest::current_format));
  }
  if (format < 1) throw Error(Exit::checkpoint, fmt::format("format {} does not exist", format));
  return from_json(json);
} catch (const NewerFormat&) {
  throw;
} catch (const Error& error) {
  throw Error(Exit::checkpoint, fmt::format("{}: damaged: {}", source, error.what()));
}

}  // namespace selfsup::checkpoint
