// Names, shapes, kinds, decay and position tables of mae.so against MMSelfSup's.
#include <ATen/ATen.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <map>
#include <set>

#include "ssp/cpp/nn.hpp"
#include "ssp/params.h"
#include "support/fixture.h"

using namespace selfsup;
using selfsup::testing::MaeSizes;
using selfsup::testing::Model;
using selfsup::testing::Tensors;

namespace {

std::vector<int64_t> ints(const Json& array) {
  std::vector<int64_t> out;
  for (const Json& v : array.as_array()) out.push_back(v.as_int());
  return out;
}

std::set<std::string> strings(const Json& array) {
  std::set<std::string> out;
  for (const Json& v : array.as_array()) out.insert(v.as_string());
  return out;
}

}  // namespace

TEST_CASE("MAE: names, shapes and what is trained are MMSelfSup's", "[reference]") {
  for (const std::string& stem : selfsup::testing::family("names_mae_", ".json")) {
    const Json file = selfsup::testing::load_json(stem);
    Model model(selfsup::testing::mae_config(selfsup::testing::sizes_of(file.get("model_config")), true));
    const auto& wanted = file.get("parameters").as_array();
    INFO(stem);
    REQUIRE(model.store.entries().size() == wanted.size());
    int64_t all = 0, frozen = 0;
    for (const Json& p : wanted) {
      const std::string& name = p.get("mmselfsup").as_string();
      INFO(name);
      const model::Entry* entry = model.store.find(name);
      REQUIRE(entry);
      CHECK(entry->tensor.sizes().vec() == ints(p.get("shape")));
      const bool trained = p.get("requires_grad").as_bool();
      CHECK(entry->kind == (trained ? model::Kind::parameter : model::Kind::frozen));
      CHECK(entry->tensor.requires_grad() == trained);
      all += entry->tensor.numel();
      if (!trained) frozen += entry->tensor.numel();
    }
    CHECK(model.store.count(model::Kind::parameter) == all - frozen);
    CHECK(model.store.count(model::Kind::frozen) == frozen);
  }
}

TEST_CASE("MAE: export gives every tensor the name that it has in timm, and in MMSelfSup", "[reference]") {
  for (const std::string& stem : selfsup::testing::family("names_mae_", ".json")) {
    const Json file = selfsup::testing::load_json(stem);
    Model model(selfsup::testing::mae_config(selfsup::testing::sizes_of(file.get("model_config")), true));
    std::map<std::string, std::string> timm, mmselfsup;
    for (const Json& p : file.get("parameters").as_array()) {
      const std::string& own = p.get("mmselfsup").as_string();
      mmselfsup[own] = own;
      if (p.get("timm").is_string()) timm[own] = p.get("timm").as_string();  // the decoder has no place there
    }
    const auto exported = [&](const char* format) {
      const auto pairs = model.algorithm.export_names(format);
      return std::map<std::string, std::string>(pairs.begin(), pairs.end());
    };
    INFO(stem);
    CHECK(timm.size() > 100);
    CHECK(exported("timm") == timm);
    CHECK(exported("mmselfsup") == mmselfsup);
    CHECK(exported("no such format").empty());
  }
}

TEST_CASE("MAE: the default custom keys decay what MMSelfSup's decay", "[reference]") {
  const plugin::Component& mae = selfsup::testing::registry().find(SSP_KIND_ALGORITHM, "MAE");
  for (const int64_t image_size : {28, 32, 224}) {
    bridge::Facts facts;
    facts.image_size = image_size;
    const Json defaults = bridge::algorithm_defaults(mae, facts);
    const Json& keys = defaults.get("optim_wrapper").get("paramwise_cfg").get("custom_keys");
    for (const std::string& stem : selfsup::testing::family("paramwise_mae_", ".json")) {
      const Json file = selfsup::testing::load_json(stem);
      CHECK(keys == file.get("custom_keys"));
      Model model(selfsup::testing::mae_config(selfsup::testing::sizes_of(file.get("model_config")), true));
      std::set<std::string> decay, no_decay, frozen;
      for (const model::Entry& entry : model.store.entries()) {
        bool matched = false;
        for (const auto& [key, options] : keys.as_object()) matched |= entry.name.find(key) != std::string::npos;
        (entry.kind == model::Kind::frozen ? frozen : matched ? no_decay : decay).insert(entry.name);
      }
      CHECK(decay == strings(file.get("decay")));
      CHECK(no_decay == strings(file.get("no_decay")));
      CHECK(frozen == strings(file.get("frozen")));
    }
  }
}

TEST_CASE("position tables equal both references", "[reference]") {
  for (const std::string& stem : selfsup::testing::family("sincos_", ".safetensors")) {
    const Tensors recorded = selfsup::testing::load_tensors(stem);
    int checked = 0;
    for (const auto& [key, want] : recorded) {
      const size_t slash = key.find('/');
      const std::string name = key.substr(0, slash), source = key.substr(slash + 1);
      int64_t dim = 0, grid = 0, h = 0, w = 0;
      INFO(key);
      if (std::sscanf(name.c_str(), "d%ld_h%ldw%ld", &dim, &h, &w) == 3) {
        // The reference orders the entries of a grid that is not square by columns: entry c * h + r holds (c, r).
        const std::vector<float> table = ssp::nn::sincos_2d(dim, h, w, false);
        for (int64_t r = 0; r < h; ++r)
          for (int64_t c = 0; c < w; ++c)
            for (int64_t k = 0; k < dim; ++k)
              CHECK(std::abs(table[(r * w + c) * dim + k] - want[c * h + r][k].item<float>()) < 2e-6);
        ++checked;
        continue;
      }
      REQUIRE(std::sscanf(name.c_str(), "d%ld_g%ld", &dim, &grid) == 2);
      if (source == "rows") continue;
      const bool cls = name.ends_with("_cls");
      const at::Tensor rows = recorded.at(name + "/rows");
      // As the backbone declares it: a zero row for the class token, then the table.
      MaeSizes sizes{grid, 1, 1, dim, 1, 1, dim, 0, 1};
      Json config = selfsup::testing::mae_config(sizes, false);
      config.find("backbone")->set("pos_embed_order", source == "mmselfsup" ? "row" : "column");
      Model model(config);
      for (const char* parameter : {"backbone.pos_embed", "neck.decoder_pos_embed"}) {
        const model::Entry* entry = model.store.find(parameter);
        REQUIRE(entry->init.kind == model::InitKind::data);
        const at::Tensor table =
            at::from_blob(const_cast<std::byte*>(entry->init.data.data()), {1 + grid * grid, dim}, at::kFloat);
        const at::Tensor got = table.index_select(0, cls ? rows : rows + 1);
        CHECK((got - want).abs().max().item<double>() < 2e-6);
      }
      ++checked;
    }
    CHECK(checked > 0);
  }
}
