// One checkpoint: what is read back, and what is told of one that is damaged or wrong.
#include "checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/hash.h"
#include "checkpoint/strict_report.h"
#include "refusal.h"
#include "support.h"

using namespace selfsup;
using namespace selfsup::checkpoint;
using namespace selfsup::checkpoint::testing;

TEST_CASE("a checkpoint of a configuration as deep as it may be is read back") {
  const int deepest = JsonLimits().max_depth;
  const std::string text = std::string(deepest, '[') + std::string(deepest, ']');
  const TempDir dir;
  CheckpointStore store(dir.path(), -1);
  Manifest manifest = Sample(1).manifest();
  manifest.config = parse_json(text, "test", "test");
  const std::string path = store.save("iter_1", manifest, Sample(1).tensors());
  CHECK(to_text(Checkpoint(path).manifest().config) == text);
}

TEST_CASE("every flipped bit, truncation and zeroed page is detected") {
  const TempDir dir;
  CheckpointStore store(dir.path(), -1);
  const Sample sample(77, 30);
  const std::string path = sample.save(store);
  struct File {
    std::string path, bytes;
  };
  std::vector<File> all;
  size_t total = 0;
  for (const char* name : kFiles) {
    all.push_back({path + "/" + name, slurp(path + "/" + name)});
    total += all.back().bytes.size();
  }
  const auto at = [&](uint64_t byte) {
    size_t i = 0;
    for (; byte >= all[i].bytes.size(); ++i) byte -= all[i].bytes.size();
    return std::pair<const File*, size_t>(&all[i], byte);
  };
  const auto detected = [&] {
    try {
      Checkpoint c(path);
    } catch (const Error& error) {
      return error.exit() == Exit::checkpoint;
    }
    return false;
  };
  REQUIRE(sample.matches(Checkpoint(path)));
  KeyedRandom random(2026);
  size_t missed = 0;
  for (int i = 0; i < 10000; ++i) {
    const auto [file, offset] = at(random.below(total));
    const Fd fd(::open(file->path.c_str(), O_WRONLY));
    const char good = file->bytes[offset], bad = static_cast<char>(good ^ (1 << random.below(8)));
    REQUIRE(::pwrite(fd.get(), &bad, 1, static_cast<off_t>(offset)) == 1);
    missed += !detected();
    REQUIRE(::pwrite(fd.get(), &good, 1, static_cast<off_t>(offset)) == 1);
  }
  CHECK(missed == 0);
  for (int i = 0; i < 1000; ++i) {
    const auto [file, offset] = at(random.below(total));
    fs::resize_file(file->path, offset);
    missed += !detected();
    spill(file->path, file->bytes);
  }
  CHECK(missed == 0);
  for (int i = 0; i < 1000; ++i) {
    const auto [file, offset] = at(random.below(total));
    const size_t begin = offset / 4096 * 4096;
    std::string bytes = file->bytes;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), std::min<size_t>(4096, bytes.size() - begin), '\0');
    spill(file->path, bytes);
    missed += !detected();
    spill(file->path, file->bytes);
  }
  CHECK(missed == 0);
  CHECK(sample.matches(Checkpoint(path)));
}

TEST_CASE("what is read is what was checked, though the folder changes meanwhile") {
  const TempDir dir;
  CheckpointStore store(dir.path(), 1);
  Sample(1).save(store);
  const auto descriptors = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), {}); };
  const auto before = descriptors();
  auto opened = store.newest_valid();
  Sample(2).save(store);  // deletes 1
  CHECK_FALSE(fs::exists(dir / "iter_1"));
  CHECK(Sample(1).matches(*opened));
  opened->close();
  CHECK(descriptors() == before);
  CHECK(opened->manifest().iter == 1);
  CHECK(contains(refusal(Exit::checkpoint, [&] { opened->tensors("model.safetensors"); }), "model.safetensors"));
}

TEST_CASE("a manifest of a newer format is refused by name and not taken for damage") {
  const TempDir dir;
  CheckpointStore store(dir.path(), -1);
  Sample(1).save(store);
  const Sample sample(2);
  Manifest newer = sample.manifest();
  newer.format = 2;
  newer.host_version = "9.8.7";
  store.save("iter_2", newer, sample.tensors(), sample.blobs());
  const std::string text = refusal(Exit::checkpoint, [&] { store.newest_valid(); });
  CHECK(contains(text, "format 2"));
  CHECK(contains(text, "9.8.7"));
  CHECK(fs::exists(dir / "iter_2"));
  CHECK(contains(refusal(Exit::checkpoint, [&] { Checkpoint c(dir / "iter_2"); }), "format 2"));
}

TEST_CASE("a manifest with a right digest and wrong contents is refused") {
  const std::string text = manifest_text(Sample(1).manifest());
  CHECK(parse_manifest(text, "m").seed == Sample(1).manifest().seed);
  CHECK(parse_manifest(text, "m").buckets == Sample(1).manifest().buckets);
  const size_t tail = text.rfind(",\n  \"manifest_sha256\"");
  const auto edited = [&](const std::string& from, const std::string& to) {
    std::string body = text.substr(0, tail);
    REQUIRE(contains(body, from));
    body.replace(body.find(from), from.size(), to);
    return body + ",\n  \"manifest_sha256\": \"" + sha256_hex(body.data(), body.size()) + "\"\n}\n";
  };
  CHECK(parse_manifest(edited("\"world\": 3", "\"world\": 4"), "m").world == 4);
  // Every number is one that a run could have had: sums and products of them stay within 64 bits.
  const std::string huge = std::to_string(int64_t{1} << 62);
  for (const char* key : {"iter", "update", "epoch", "iter_in_epoch", "max_iters", "max_epochs", "world", "threads"}) {
    CAPTURE(key);
    const size_t at = text.find(fmt::format("\"{}\": ", key)), end = text.find(',', at);
    const std::string was = text.substr(at, end - at);
    for (const std::string& number : {huge, std::string("-1")})
      CHECK(contains(
          refusal(Exit::checkpoint, [&] { parse_manifest(edited(was, fmt::format("\"{}\": {}", key, number)), "m"); }),
          fmt::format("m: damaged: {} is {}; expected", key, number)));
  }
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{{"\"iter\": 1", "\"iter\": -1"},
                                                                                 {"\"iter\": 1", "\"iter\": 1.0"},
                                                                                 {"\"iter\": 1", "\"iter\": \"1\""},
                                                                                 {"\"iter\": 1", "\"iterr\": 1"},
                                                                                 {"\"format\": 1", "\"format\": 0"},
                                                                                 {"\"world\": 3", "\"world\": [3"},
                                                                                 {"\"files\": []", "\"files\": [1]"}}) {
    CAPTURE(to);
    CHECK(contains(refusal(Exit::checkpoint, [&] { parse_manifest(edited(from, to), "m"); }), "m:"));
  }
  for (const char* name :
       {"../x", "/etc/passwd", "a/b", "state/../x", "state/", "", ".x", "a b", "manifest.json", "state/a/b"}) {
    CAPTURE(name);
    const std::string entry =
        fmt::format("[{{\"name\": \"{}\", \"size\": 0, \"sha256\": \"{}\"}}]", name, std::string(64, 'a'));
    CHECK(contains(
        refusal(Exit::checkpoint, [&] { parse_manifest(edited("\"files\": []", "\"files\": " + entry), "m"); }),
        "name"));
  }
  for (size_t n = 0; n < text.size(); n += 7) CHECK_THROWS_AS(parse_manifest(text.substr(0, n), "m"), Error);
}

TEST_CASE("the strict report counts and names what differs") {
  const std::vector<TensorSpec> wanted{{"a", "F32", {2, 3}}, {"b", "F32", {4}}, {"c", "F32", {1}}, {"d", "F32", {}}};
  const std::vector<TensorSpec> found{{"z", "F32", {1}}, {"d", "BF16", {}}, {"c", "F32", {1}}, {"a", "F32", {3, 2}}};
  const StrictReport strict = compare(wanted, found, true);
  CHECK(strict.matched == std::vector<std::string>{"c"});
  CHECK_FALSE(strict.exact());
  CHECK(strict.text() ==
        "1 tensors match, 1 are missing, 1 are unexpected, 2 have another shape or type\n"
        "  missing: b\n"
        "  unexpected: z\n"
        "  different: a: wanted F32[2, 3], the file has F32[3, 2]\n"
        "  different: d: wanted F32[], the file has BF16[]");
  CHECK(compare(wanted, found, false).matched == std::vector<std::string>{"c", "d"});
  CHECK(compare(wanted, wanted, true).exact());
  CHECK(contains(compare(std::vector<TensorSpec>(5, {"m", "F32", {}}), {}, true).text(2), "… and 3 more"));
}
