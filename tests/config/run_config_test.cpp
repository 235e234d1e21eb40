#include "config/run_config.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/errors.h"
#include "config/host_schema.h"
#include "config/layers.h"
#include "config/options.h"
#include "config/schema.h"

using namespace selfsup;
using namespace selfsup::config;

namespace {

// With the defaults of the host's schema; components may be anything.
RunConfig read(Json tree) {
  static const Json free_form = parse_schema(R"({"type": "object"})", "the test");
  validate(tree, host_schema(), "",
           {[](std::string_view, std::string_view) { return &free_form; },
            [](std::string_view) { return std::vector<std::string>(); }});
  return read_run_config(tree);
}

RunConfig read_with(const std::vector<std::string>& options) {
  Json tree = parse_json(R"({"model": {}, "optim_wrapper": {}, "train_dataloader": {"batch_size": 1, "dataset": {}},
                             "train_cfg": {"max_epochs": 1}})",
                         "rest.json", "file");
  apply_options(tree, options, false);
  return read(std::move(tree));
}

// The length of a run whose base, file and options say so of train_cfg.
TrainLength length(const std::string& base, const std::string& file, const std::vector<std::string>& options = {}) {
  Json tree = parse_json(R"({"model": {}, "optim_wrapper": {}, "train_dataloader": {"batch_size": 1, "dataset": {}}})",
                         "rest.json", "file");
  tree.set("train_cfg", merge(parse_json(base, "base.json", "base"), parse_json(file, "child.json", "file")));
  apply_options(tree, options, false);
  return read(std::move(tree)).length;
}

std::string refusal(const std::string& base, const std::string& file, const std::vector<std::string>& options = {}) {
  try {
    length(base, file, options);
  } catch (const Error& e) {
    CHECK(e.exit() == Exit::usage);
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a checkpoint or weights that are not there are refused by key") {
  CHECK(contains(refusal("{}", R"({"max_epochs": 3})", {"load_from=no/where"}),
                 "--cfg-options load_from=no/where: load_from: there is no file or folder no/where"));
  CHECK(contains(refusal("{}", R"({"max_epochs": 3})", {"resume=no/where"}), ": resume: there is no file or folder"));
  CHECK(refusal("{}", R"({"max_epochs": 3})", {"load_from=None", "resume=/"}).empty());
}

TEST_CASE("an empty work folder is refused") {
  CHECK(contains(refusal("{}", R"({"max_epochs": 3})", {"work_dir="}),
                 "--cfg-options work_dir=: work_dir: expected a folder, found an empty text"));
}

TEST_CASE("a length beside the base's of the other kind is refused, and the remedy works") {
  const std::string epochs = R"({"max_epochs": 3})", iters = R"({"max_iters": 7})";
  CHECK(contains(refusal(iters, epochs),
                 "child.json:1:16: train_cfg.max_epochs: excludes max_iters, which is given at base.json:1:15"));
  CHECK(contains(refusal(epochs, iters),
                 "child.json:1:15: train_cfg.max_iters: excludes max_epochs, which is given at base.json:1:16"));
  CHECK(contains(refusal(iters, "{}", {"train_cfg.max_epochs=3"}), "--cfg-options train_cfg.max_epochs=3: "));
  CHECK(contains(refusal("{}", "{}"), "expected max_epochs or max_iters"));

  // A base that also says how it counts.
  const std::string typed = R"({"type": "IterBasedTrainLoop", "max_iters": 7})";
  CHECK(length(typed, R"({"type": "EpochBasedTrainLoop", "max_epochs": 3})").max_epochs == 3);
  for (const std::string& base : {typed, iters}) {
    const std::string remedy = R"({"_delete_": true, "max_epochs": 3})";
    CHECK(contains(refusal(base, epochs), "--cfg-options 'train_cfg=" + remedy + "'"));
    CHECK(length(base, remedy).max_epochs == 3);
    CHECK(length(base, epochs, {"train_cfg=" + remedy}).max_epochs == 3);
  }
  // None takes a key back, as in MMEngine.
  CHECK(length(iters, epochs, {"train_cfg.max_iters=None"}).max_epochs == 3);
  CHECK(contains(refusal(typed, epochs, {"train_cfg.max_iters=None"}),
                 "the run is counted in iterations, says base.json:1:10; to replace the length"));
}

TEST_CASE("batch norm over ranks is what sync_bn asks for, in any of MMEngine's words") {
  const auto sync = [](const std::vector<std::string>& options) { return read_with(options).sync_batch_norm; };
  for (const char* on : {"sync_bn=torch", "sync_bn=mmcv", "sync_bn=True"}) CHECK(sync({on}));
  for (const char* off : {"sync_bn=None", "sync_bn=False"}) CHECK(!sync({off}));
  CHECK(!sync({}));
}

TEST_CASE("halves of transformer blocks are fused as env_cfg.fused says") {
  const auto fused = [](const std::vector<std::string>& options) { return read_with(options).fused; };
  CHECK(fused({}) == Fused::automatic);
  CHECK(fused({"env_cfg.fused=auto"}) == Fused::automatic);
  CHECK(fused({"env_cfg.fused=on"}) == Fused::on);
  CHECK(fused({"env_cfg.fused=off"}) == Fused::off);
}

TEST_CASE("the wrapper's word about unused parameters comes before the one at the top") {
  const auto reduce = [](const std::vector<std::string>& options) { return read_with(options).reduce; };
  CHECK(!reduce({}).find_unused_parameters);
  CHECK(!reduce({}).compress_bf16);
  CHECK(!reduce({}).bucket_mb);
  CHECK(reduce({"find_unused_parameters=True"}).find_unused_parameters);
  CHECK(reduce({"model_wrapper_cfg.find_unused_parameters=True"}).find_unused_parameters);
  CHECK(!reduce({"find_unused_parameters=True", "model_wrapper_cfg.find_unused_parameters=False"})
             .find_unused_parameters);
  CHECK(reduce({"model_wrapper_cfg.comm_hook=bf16_compress"}).compress_bf16);
  CHECK(!reduce({"model_wrapper_cfg.comm_hook=None"}).compress_bf16);
  CHECK(reduce({"model_wrapper_cfg.bucket_cap_mb=100"}).bucket_mb == 100);
}
