// SPDX-License-Identifier: Apache-2.0
// Policies of views without pixel code: they draw numbers and append edits, which the host draws. They follow crop and
// flip, for instance {"type": "MultiView", "num_views": 2, "transforms": [[{"type": "RandomResizedCrop", "size": 224},
// {"type": "RandomFlip"}, {"type": "ContrastivePolicy"}]]}.
#include <array>
#include <ssp/cpp/plugin.hpp>

using namespace ssp;

namespace {

// SimCLR's (Chen et al. 2020): colour jitter in any order, grey, blur.
class ContrastivePolicy {
 public:
  static constexpr uint32_t edits[] = {SSP_EDIT_BRIGHTNESS, SSP_EDIT_CONTRAST, SSP_EDIT_SATURATION,
                                       SSP_EDIT_HUE,        SSP_EDIT_GREY,     SSP_EDIT_BLUR};
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "strength": {"type": "number", "minimum": 0, "maximum": 1, "default": 1, "description": "Of the colour jitter."}
      }
    })";
  }
  explicit ContrastivePolicy(const Scope& s) : strength_(s.get("strength", 1.0)) {}
  void apply(Sample& sample) const {
    for (uint32_t v = 0; v < sample.count(); ++v) {
      Random random = sample.random(v);
      const auto factor = [&] { return random.uniform(1 - 0.8 * strength_, 1 + 0.8 * strength_); };
      if (random.chance(0.8)) {
        std::array<ssp_edit, 4> jitter = {edit::brightness(factor()), edit::contrast(factor()),
                                          edit::saturation(factor()),
                                          edit::hue(random.uniform(-0.2 * strength_, 0.2 * strength_))};
        random.shuffle(jitter);
        sample.edit(v, jitter);
      }
      if (random.chance(0.2)) sample.edit(v, edit::grey());
      if (random.chance(0.5)) sample.edit(v, edit::blur(random.uniform(0.1, 2)));
    }
  }

 private:
  double strength_;
};

// BYOL's (Grill et al. 2020) second view: milder jitter, blur for one image in ten, solarised for one in five.
class SolarizedPolicy {
 public:
  static constexpr uint32_t edits[] = {SSP_EDIT_BRIGHTNESS, SSP_EDIT_CONTRAST, SSP_EDIT_SATURATION, SSP_EDIT_HUE,
                                       SSP_EDIT_GREY,       SSP_EDIT_BLUR,     SSP_EDIT_SOLARIZE};
  static const char* schema() { return R"({"type": "object", "properties": {"type": {"type": "string"}}})"; }
  explicit SolarizedPolicy(const Scope&) {}
  void apply(Sample& sample) const {
    for (uint32_t v = 0; v < sample.count(); ++v) {
      Random random = sample.random(v);
      if (random.chance(0.8))
        sample.edit(v, {edit::brightness(random.uniform(0.6, 1.4)), edit::contrast(random.uniform(0.6, 1.4)),
                        edit::saturation(random.uniform(0.8, 1.2)), edit::hue(random.uniform(-0.1, 0.1))});
      if (random.chance(0.2)) sample.edit(v, edit::grey());
      if (random.chance(0.1)) sample.edit(v, edit::blur(random.uniform(0.1, 2)));
      if (random.chance(0.2)) sample.edit(v, edit::solarize(128));
    }
  }
};

}  // namespace

SSP_PLUGIN(transform<ContrastivePolicy>("ContrastivePolicy"), transform<SolarizedPolicy>("SolarizedPolicy"));
