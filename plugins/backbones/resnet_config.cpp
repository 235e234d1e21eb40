#include "resnet_config.hpp"

#include <algorithm>
#include <string>

using ssp::require;

namespace {

struct Arch {
  int64_t depth;
  bool bottleneck;
  std::vector<int64_t> blocks;
};

Arch arch_of(int64_t depth) {
  for (const Arch& a : {Arch{18, false, {2, 2, 2, 2}}, Arch{34, false, {3, 4, 6, 3}}, Arch{50, true, {3, 4, 6, 3}},
                        Arch{101, true, {3, 4, 23, 3}}, Arch{152, true, {3, 8, 36, 3}}})
    if (a.depth == depth) return a;
  throw ssp::Error(SSP_E_CONFIG, "`depth` must be 18, 34, 50, 101 or 152, found " + std::to_string(depth));
}

ResNetConfig::Stem stem_of(const std::string& name) {
  if (name == "imagenet") return {7, 2, true};
  if (name == "cifar") return {3, 1, false};
  if (name == "small") return {3, 2, false};
  throw ssp::Error(SSP_E_CONFIG, "`stem` must be imagenet, cifar or small, found " + name);
}

// Every stage's output is half the size of the one before and twice as deep, where `strides` says nothing else.
std::vector<ResNetConfig::Stage> stages_of(const ssp::Scope& s, const Arch& arch) {
  const auto base = s.get<int64_t>("base_channels");
  const auto blocks = s.get("stage_blocks", arch.blocks);
  std::vector<int64_t> strides(blocks.size(), 2);
  strides[0] = 1;
  strides = s.get("strides", strides);
  require(strides.size() == blocks.size(), "`strides` has " + std::to_string(strides.size()) +
                                               " numbers, `stage_blocks` " + std::to_string(blocks.size()) +
                                               ": one a stage each");
  std::vector<ResNetConfig::Stage> stages;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const int64_t channels = base << i;
    stages.push_back({blocks[i], channels, channels * (arch.bottleneck ? 4 : 1), strides[i]});
  }
  return stages;
}

// The last of `out_indices`, counted as MMSelfSup counts: 0 is the stem, 1 the first stage.
int64_t main_stage_of(const ssp::Scope& s, int64_t stages) {
  const auto indices = s.get("out_indices", std::vector<int64_t>{stages});
  for (const int64_t i : indices)
    require(i <= stages, "`out_indices` must be 0 (the stem) to " + std::to_string(stages) +
                             " (the last stage), found " + std::to_string(i));
  return *std::max_element(indices.begin(), indices.end());
}

// MMSelfSup's words for what is done anyway: convolutions Kaiming-normal by fan_out, norms 1.
void check_init(const ssp::Scope& s) {
  for (int64_t i = 0; i < s.length("init_cfg"); ++i) {
    const std::string at = "init_cfg." + std::to_string(i), type = s.get<std::string>(at + ".type");
    for (int64_t k = 0; k < s.length(at + ".layer"); ++k) {
      const auto layer = s.get<std::string>(at + ".layer." + std::to_string(k));
      require((layer == "Conv2d") == (type == "Kaiming"),
              "`" + at + "`: " + layer + " cannot begin as " + type + "; convolutions are Kaiming, norms Constant");
    }
  }
}

}  // namespace

ResNetConfig::ResNetConfig(const ssp::Scope& s)
    : in_channels(s.get("in_channels", s.fact("channels").value_or(3))),
      stem_channels(s.get<int64_t>("stem_channels")),
      stem(stem_of(s.get<std::string>("stem"))),
      eps(s.get<double>("norm_cfg.eps")),
      momentum(s.get<double>("norm_cfg.momentum")),
      sync(s.get<std::string>("norm_cfg.type") == "SyncBN" ? ssp::nn::Sync::ranks : ssp::nn::Sync::as_run),
      norm_eval(s.get<bool>("norm_eval")),
      zero_init_residual(s.get<bool>("zero_init_residual")) {
  const Arch arch = arch_of(s.get<int64_t>("depth"));
  bottleneck = arch.bottleneck;
  stages = stages_of(s, arch);
  main_stage = main_stage_of(s, static_cast<int64_t>(stages.size()));
  check_init(s);
}

const char* resnet_schema(bool cifar) {
  static const std::string common = R"({
  "type": "object",
  "description": "Residual network (He et al. 2016), in torchvision's form: a block's stride is that of its 3x3 convolution.",
  "properties": {
    "type": {"type": "string"},
    "depth": {"type": "integer", "enum": [18, 34, 50, 101, 152], "description": "Which blocks, and how many: 18 and 34 have blocks of two convolutions, the others of three."},
    "in_channels": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "Channels of the input; the data set's if left out."},
    "stem_channels": {"type": "integer", "minimum": 1, "maximum": 8192, "default": 64, "description": "Channels of the first convolution."},
    "base_channels": {"type": "integer", "minimum": 1, "maximum": 8192, "default": 64, "description": "Channels of the first stage; each further stage has twice as many."},
    "stage_blocks": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 1000}, "minItems": 1, "maxItems": 4, "description": "Blocks of each stage; the depth's if left out."},
    "strides": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 16}, "minItems": 1, "maxItems": 4, "description": "Stride of each stage; 1, then 2 each, if left out."},
    "out_indices": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 4}, "minItems": 1, "description": "The largest names the main layer, counted as MMSelfSup counts: 0 is the stem, 1 the first stage. The last stage if left out."},
    "style": {"type": "string", "enum": ["pytorch"], "default": "pytorch", "description": "Where a block has its stride."},
    "norm_cfg": {
      "type": "object",
      "default": {},
      "description": "Batch norm.",
      "properties": {
        "type": {"type": "string", "enum": ["BN", "SyncBN"], "default": "BN", "description": "SyncBN: over the rows of all ranks."},
        "eps": {"type": "number", "exclusiveMinimum": 0, "default": 1e-5, "description": "Added to the variance."},
        "momentum": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.1, "description": "Part of a batch in the running statistics."},
        "requires_grad": {"type": "boolean", "enum": [true], "default": true, "description": "Norms are trained."}
      }
    },
    "norm_eval": {"type": "boolean", "default": false, "description": "Running statistics, which stay as they are, in training too."},
    "zero_init_residual": {"type": "boolean", "default": true, "description": "The last norm of each block begins at 0, so that the block begins as its shortcut."},
    "init_cfg": {
      "type": ["array", "null"],
      "description": "What MMSelfSup writes, and what is done anyway: Kaiming for Conv2d, Constant 1 for norms.",
      "items": {
        "type": "object",
        "properties": {
          "type": {"type": "string", "enum": ["Kaiming", "Constant"]},
          "layer": {"type": "array", "items": {"type": "string", "enum": ["Conv2d", "_BatchNorm", "GroupNorm"]}, "description": "What it is for."},
          "val": {"type": "number", "enum": [1], "description": "Of Constant."}
        },
        "required": ["type"]
      }
    },
    "stem": )";
  static const std::string end = R"(}
  },
  "required": ["depth"]
})";
  static const std::string imagenet =
      common +
      R"({"type": "string", "enum": ["imagenet", "cifar", "small"], "default": "imagenet", "description": "The first convolution: imagenet 7x7 with stride 2 and a max pool of stride 2 after it, cifar 3x3 with stride 1, small 3x3 with stride 2.")" +
      end;
  static const std::string small_images =
      common +
      R"({"type": "string", "enum": ["cifar"], "default": "cifar", "description": "The first convolution: 3x3 with stride 1, without a pool.")" +
      end;
  return cifar ? small_images.c_str() : imagenet.c_str();
}
