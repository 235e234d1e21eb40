#include "fixture.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "bridge/host.h"
#include "bridge/testing.h"
#include "checkpoint/safetensors.h"
#include "config/schema.h"
#include "reference.h"
#include "run/component_schemas.h"
#include "ssp/algorithm.h"

namespace selfsup::testing {
namespace {

at::ScalarType scalar_type(const std::string& dtype) {
  if (dtype == "F32") return at::kFloat;
  if (dtype == "F64") return at::kDouble;
  if (dtype == "I64") return at::kLong;
  throw std::runtime_error("the fixtures hold F32, F64 and I64, not " + dtype);
}

struct Lab {
  bridge::Host host;
  const std::string folder = SELFSUP_BINARY_DIR "/lib/selfsup/plugins";
  plugin::Registry registry{host.table(), {{folder}}};
  Lab() {
    host.set_environment({});
    registry.load(folder + "/mae.so");
  }
};

Lab& lab() {
  static Lab one;
  return one;
}

void fuse(bool yes) {
  bridge::Environment environment;
  environment.fused = yes;
  lab().host.set_environment(environment);
}

}  // namespace

std::vector<std::string> family(const std::string& family, const std::string& suffix) {
  std::vector<std::string> stems;
  for (const auto& file : reference::family(family, suffix)) {
    const std::string name = file.filename();
    stems.push_back(name.substr(0, name.size() - suffix.size()));
  }
  return stems;
}

Json load_json(const std::string& stem) { return read_json_file(reference::folder() / (stem + ".json"), "file"); }

Tensors load_tensors(const std::string& stem) {
  const checkpoint::SafetensorsFile file((reference::folder() / (stem + ".safetensors")).string());
  Tensors all;
  for (const auto& t : file.tensors()) {
    at::Tensor copy = at::empty(t.shape, scalar_type(t.dtype));
    if (t.bytes) std::memcpy(copy.data_ptr(), t.data, t.bytes);
    all[t.name] = copy;
  }
  return all;
}

plugin::Registry& registry() { return lab().registry; }

Fusing::Fusing(bool yes) : yes_(yes), before_(lab().host.fused_calls()) { fuse(yes); }
Fusing::~Fusing() {
  fuse(false);
  CHECK((lab().host.fused_calls() > before_) == yes_);
}

Json resolved(Json model) {
  const Json schema(Json::Object{{"type", "object"}, {"x-ssp-component", SSP_KIND_ALGORITHM}});
  const auto problems = config::validate(model, schema, "model", run::component_schemas(registry()));
  for (const config::Problem& p : problems) FAIL(p.path << ": " << p.text);
  return model;
}

FixedNoise::FixedNoise(const at::Tensor& noise) {
  bridge::testing::replace_per_sample([noise](std::string_view, int64_t rows, int64_t n) {
    REQUIRE(noise.size(0) == rows);
    REQUIRE(noise.size(1) == n);
    return noise.clone();
  });
}
FixedNoise::~FixedNoise() { bridge::testing::replace_per_sample({}); }

Json mae_config(const MaeSizes& s, bool norm_pix) {
  Json arch = Json::object(), backbone = Json::object(), neck = Json::object(), head = Json::object();
  arch.set("embed_dims", s.dim);
  arch.set("num_layers", s.depth);
  arch.set("num_heads", s.heads);
  arch.set("feedforward_channels", static_cast<int64_t>(static_cast<double>(s.dim) * s.mlp_ratio));
  Json norm = Json::object();
  norm.set("type", "LN");
  norm.set("eps", s.eps);
  backbone.set("type", "MAEViT");
  backbone.set("arch", arch);
  backbone.set("img_size", s.image);
  backbone.set("patch_size", s.patch);
  backbone.set("in_channels", s.channels);
  backbone.set("norm_cfg", norm);
  backbone.set("mask_ratio", s.mask_ratio);
  neck.set("type", "MAEPretrainDecoder");
  neck.set("patch_size", s.patch);
  neck.set("in_chans", s.channels);
  neck.set("embed_dim", s.dim);
  neck.set("decoder_embed_dim", s.decoder_dim);
  neck.set("decoder_depth", s.decoder_depth);
  neck.set("decoder_num_heads", s.decoder_heads);
  neck.set("mlp_ratio", s.mlp_ratio);
  head.set("type", "MAEPretrainHead");
  head.set("norm_pix", norm_pix);
  head.set("patch_size", s.patch);
  Json model = Json::object();
  model.set("type", "MAE");
  model.set("backbone", backbone);
  model.set("neck", neck);
  model.set("head", head);
  return model;
}

MaeSizes sizes_of(const Json& c) {
  return {c.get("img_size").as_int(),          c.get("patch_size").as_int(),    c.get("in_channels").as_int(),
          c.get("embed_dims").as_int(),        c.get("num_layers").as_int(),    c.get("num_heads").as_int(),
          c.get("decoder_embed_dim").as_int(), c.get("decoder_depth").as_int(), c.get("decoder_num_heads").as_int(),
          c.get("mlp_ratio").as_double()};
}

}  // namespace selfsup::testing
