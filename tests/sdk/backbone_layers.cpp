// Hands the layers of whatever backbone it is given through as features, and trains it by a weighted sum of one of
// them: what tests of backbones look through.
#include <ssp/cpp/plugin.hpp>

using namespace ssp;

namespace {

class BackboneLayers {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "backbone": {"type": "object", "x-ssp-component": "ssp.backbone/0"},
        "layer": {"type": "string", "default": "mean", "description": "What is trained, by the field `weights` of its shape."}
      },
      "required": ["backbone"]
    })";
  }
  explicit BackboneLayers(const Scope& s) : backbone_(s.child("backbone")), layer_(s.get("layer", "mean")) {}

  Outputs training_step(const Batch& batch, const Call& call) {
    const Tensor trained = backbone_.forward(batch.view(0), call, {layer_}).at(0);
    return {{"loss", (trained * batch.field("weights")).sum()}};
  }
  Outputs features(const Tensor& images, const Call& call, const Names& names) const {
    if (names.all().empty()) return {{"main", backbone_(images, call).flatten(1)}};
    Outputs out;
    std::vector<Tensor> layers = backbone_.forward(images, call, names.all());
    for (size_t i = 0; i < layers.size(); ++i) out.emplace_back(names.all()[i], layers[i].flatten(1));
    return out;
  }

 private:
  Backbone backbone_;
  std::string layer_;
};

}  // namespace

SSP_PLUGIN(algorithm<BackboneLayers>("BackboneLayers"));
