#include "run/changes.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace selfsup::run {
namespace {

checkpoint::Manifest manifest() {
  checkpoint::Manifest m;
  m.config = parse_json(R"({"train_dataloader": {"batch_size": 8, "num_workers": 2}, "work_dir": "a"})", "t", "t");
  m.plugins = {{"one", "1.0", std::string(64, 'a')}, {"two", "1.0", std::string(64, 'b')}};
  m.host_version = "0.1.0";
  m.libtorch_version = "2.11.0";
  m.extra.set("facts", parse_json(R"({"dataset_length": 40, "device": "CPU", "num_workers": 2})", "t", "t"));
  return m;
}

}  // namespace

TEST_CASE("a run that is the same, but for what decides nothing, has no changes") {
  checkpoint::Manifest other = manifest();
  other.config = parse_json(R"({"train_dataloader": {"batch_size": 8, "num_workers": 0}, "work_dir": "b"})", "t", "t");
  other.extra.find("facts")->set("num_workers", 0);
  CHECK(changes(manifest(), other).empty());
  other.extra = Json::object();
  CHECK(changes(other, manifest()).empty());  // a checkpoint that says nothing of them
}

TEST_CASE("each thing that decides the values is named with what it was and is") {
  const checkpoint::Manifest before = manifest();
  const auto lines = [&](auto change) {
    checkpoint::Manifest now = manifest();
    change(now);
    return changes(before, now);
  };
  using Lines = std::vector<std::string>;
  using checkpoint::Manifest;
  CHECK(lines([](Manifest& m) { m.config.find("train_dataloader")->set("batch_size", 16); }) ==
        Lines{"train_dataloader.batch_size: 8 -> 16"});
  CHECK(lines([](Manifest& m) { m.extra.find("facts")->set("dataset_length", 56); }) ==
        Lines{"dataset_length: 40 -> 56"});
  CHECK(lines([](Manifest& m) { m.extra.find("facts")->set("device", "NVIDIA X"); }) ==
        Lines{"device: \"CPU\" -> \"NVIDIA X\""});
  CHECK(lines([](Manifest& m) { m.plugins.pop_back(); }) == Lines{"plugin two: 1.0 bbbbbbbbbbbb -> absent"});
  CHECK(lines([](Manifest& m) { m.plugins[0].sha256 = std::string(64, 'c'); }) ==
        Lines{"plugin one: 1.0 aaaaaaaaaaaa -> 1.0 cccccccccccc"});
  CHECK(lines([](Manifest& m) { m.host_version = "0.2.0"; }) == Lines{"selfsup-host: 0.1.0 -> 0.2.0"});
  CHECK(lines([](Manifest& m) { m.threads = 7; }) == Lines{"threads: 1 -> 7"});
  // Checkpoints of hosts that fused nothing do not say so.
  CHECK(lines([](Manifest& m) { m.extra.find("facts")->set("fused", "AVX2"); }) ==
        Lines{"env_cfg.fused came to: off -> AVX2"});
  CHECK(lines([](Manifest& m) { m.extra.find("facts")->set("fused", "off"); }).empty());
}

}  // namespace selfsup::run
