#include "tensors.h"
#include "train/optimizers/param_groups.h"

#include <catch2/catch.hpp>

namespace selfsup::train {
namespace {

model::Entry entry(const std::string& name) {
  model::Entry e;
  e.name = name;
  e.tensor = at::zeros({2, 2});
  return e;
}

ParamRules rules(const Json& custom_keys) { return ParamRules(Json(Json::Object{{"custom_keys", custom_keys}})); }

}  // namespace

TEST_CASE("decay of every parameter as MMEngine's constructor gives it") {
  for (const auto& path : reference::family("paramwise_", ".json")) {
    INFO(path);
    const Json file = read_json_file(path, "test");
    const ParamRules by_name = rules(file.get("custom_keys"));
    if (const Json* parameters = file.find("parameters")) {
      const double lr = file.get("optimizer").get("lr").as_double();
      const double decay = file.get("optimizer").get("weight_decay").as_double();
      for (const Json& p : parameters->as_array()) {
        INFO(p.get("name").as_string());
        const ParamSettings got = by_name.settings(entry(p.get("name").as_string()), lr, decay);
        CHECK(got.weight_decay == p.get("weight_decay").as_double());
        CHECK(got.extras.get_bool("lars_exclude", false) == p.get("lars_exclude").as_bool());
        CHECK(got.lr == lr);
      }
    } else {
      const double lr = file.get("base_lr").as_double(), decay = file.get("weight_decay").as_double();
      for (const auto& [key, want] : {std::pair{"decay", decay}, std::pair{"no_decay", 0.0}}) {
        REQUIRE(!file.get(key).as_array().empty());
        for (const Json& name : file.get(key).as_array()) {
          INFO(name.as_string());
          CHECK(by_name.settings(entry(name.as_string()), lr, decay).weight_decay == want);
        }
      }
    }
  }
}

}  // namespace selfsup::train
