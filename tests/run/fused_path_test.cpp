// env_cfg.fused: what it comes to on each device, in a new run and in one that goes on.
#include "run/fused_path.h"

#include <catch2/catch.hpp>

#include "base/errors.h"

namespace selfsup::run {
namespace {

using Catch::Contains;
using config::Fused;

checkpoint::Manifest resumed(const std::string& way) {
  checkpoint::Manifest m;
  Json facts = Json::object();
  if (!way.empty()) facts.set("fused", way);
  m.extra.set("facts", std::move(facts));
  return m;
}

const at::Device kGpu(at::kCUDA, 0);

}  // namespace

TEST_CASE("a run fuses on the CPU, unless its configuration or its checkpoint says otherwise") {
  const auto way = [](Fused wanted, const checkpoint::Manifest* from = nullptr) {
    const FusedPath path = fused_path(wanted, at::kCPU, from);
    CHECK(path.fused == (path.name != "off"));
    CHECK((path.note.find("single operators") != path.note.npos) != path.fused);
    return path.fused;
  };
  CHECK(way(Fused::automatic));
  CHECK(way(Fused::on));
  CHECK_FALSE(way(Fused::off));
  const checkpoint::Manifest fused = resumed("AVX2, products of MKL"), off = resumed("off"), older = resumed("");
  CHECK(way(Fused::automatic, &fused));
  CHECK_FALSE(way(Fused::automatic, &off));
  CHECK_FALSE(way(Fused::automatic, &older));
  CHECK(way(Fused::on, &off));
  CHECK_FALSE(way(Fused::off, &fused));
}

TEST_CASE("on a GPU single operators run, and fused: on is refused by its key") {
  CHECK_FALSE(fused_path(Fused::automatic, kGpu, nullptr).fused);
  CHECK_FALSE(fused_path(Fused::off, kGpu, nullptr).fused);
  try {
    fused_path(Fused::on, kGpu, nullptr);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.exit() == Exit::usage);
    CHECK_THAT(error.what(), Contains("env_cfg.fused is \"on\"") && Contains("GPU"));
  }
}

TEST_CASE("a run that was to be fused, and whose model has nothing to fuse, is refused by its key") {
  CHECK_NOTHROW(require_fused(Fused::automatic, 0));
  CHECK_NOTHROW(require_fused(Fused::off, 0));
  CHECK_NOTHROW(require_fused(Fused::on, 1));
  CHECK_THROWS_WITH(require_fused(Fused::on, 0), Contains("env_cfg.fused is \"on\""));
}

}  // namespace selfsup::run
