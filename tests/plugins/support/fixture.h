// Recorded values, found by family, and the plugins as a run would load them.
#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "bridge/components/algorithm.h"

namespace selfsup::testing {

using Tensors = std::map<std::string, at::Tensor>;

// reference::family without the folder and the suffix.
std::vector<std::string> family(const std::string& family, const std::string& suffix);
Json load_json(const std::string& stem);
Tensors load_tensors(const std::string& stem);  // copies

// The one host of this process, with mae.so and backbones.so loaded.
plugin::Registry& registry();

// While it lives, what the host can fuse runs there fused, or in single operators, as it does without it; at its
// end some has, or the test fails.
class Fusing {
 public:
  explicit Fusing(bool yes);
  ~Fusing();

 private:
  bool yes_;
  int64_t before_;
};

// The node `model` with the defaults of the schemas filled in, as a run makes it; a problem fails the test.
Json resolved(Json model);

// An algorithm over its own store, whose values are not filled.
struct Model {
  model::ParameterStore store;
  bridge::Facts facts;
  Json config;
  bridge::Algorithm algorithm;
  explicit Model(Json model, bridge::Facts f = {})
      : facts(std::move(f)), config(std::move(model)), algorithm(registry(), config, facts, store) {}
};

// While it lives, algorithms are given this noise, [rows, n], instead of drawing.
struct FixedNoise {
  explicit FixedNoise(const at::Tensor& noise);
  ~FixedNoise();
};

// Sizes as the fixtures name them.
struct MaeSizes {
  int64_t image, patch, channels, dim, depth, heads, decoder_dim, decoder_depth, decoder_heads;
  double mlp_ratio = 4, mask_ratio = 0.75, eps = 1e-6;
};
// The node `model` in MMSelfSup's shape.
Json mae_config(const MaeSizes& sizes, bool norm_pix);
// From `model_config` of the names and paramwise files.
MaeSizes sizes_of(const Json& model_config);

}  // namespace selfsup::testing
