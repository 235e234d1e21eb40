#include "vit_config.hpp"

#include <algorithm>
#include <string>
#include <vector>

using ssp::require;

namespace {

struct Arch {
  const char *name, *alias;
  int64_t dim, depth, heads, hidden;
};
// Base, large and huge are MMSelfSup's; tiny and small are timm's (and DeiT's).
constexpr Arch kArchs[] = {{"tiny", "t", 192, 12, 3, 768},
                           {"small", "s", 384, 12, 6, 1536},
                           {"base", "b", 768, 12, 12, 3072},
                           {"large", "l", 1024, 24, 16, 4096},
                           {"huge", "h", 1280, 32, 16, 5120}};

const Arch& named_arch(const std::string& name) {
  std::string known;
  for (const Arch& a : kArchs) {
    if (name == a.name || name == a.alias) return a;
    known += std::string(known.empty() ? "" : ", ") + a.name + " (" + a.alias + ")";
  }
  throw ssp::Error(SSP_E_CONFIG, "`arch` is \"" + name + "\"; known are " + known +
                                     ", or an object with embed_dims, num_layers, num_heads, feedforward_channels");
}

constexpr int64_t kMaxTable = int64_t{1} << 26;  // numbers of fixed positions: 256 MiB

std::string text(int64_t n) { return std::to_string(n); }

std::string no_multiple(const ssp::Scope& s, const VitConfig& c) {
  const std::string sides = text(c.height) + " x " + text(c.width), patch = "`patch_size` " + text(c.patch);
  if (s.has("img_size")) return "`img_size` " + sides + " is no multiple of " + patch;
  const auto near = [&](int64_t side) { return text(std::max((side + c.patch / 2) / c.patch, int64_t{1}) * c.patch); };
  return "`train_dataloader.pipeline` gives images of " + sides +
         " pixels (height x width), whose sides are no multiples of " + patch + "; let it give " + near(c.height) +
         " x " + near(c.width) + ", or set a `patch_size` that divides " + "both sides";
}

}  // namespace

VitConfig::VitConfig(const ssp::Scope& s, bool learned_by_default)
    : patch(s.get("patch_size", 16)),
      channels(s.get("in_channels", s.fact("channels").value_or(3))),
      eps(s.get("norm_cfg.eps", 1e-6)),
      drop_path_rate(s.get("drop_path_rate", 0.0)),
      qkv_bias(s.get("qkv_bias", true)),
      final_norm(s.get("final_norm", true)) {
  // One number for both sides, or height and width; else what the pipeline gives first.
  auto sides = s.get("img_size", s.fact<std::vector<int64_t>>("view_sizes").value_or(std::vector<int64_t>{}));
  if (sides.empty()) sides = {s.fact("image_size").value_or(224)};
  height = sides[0];
  width = sides[sides.size() > 1];
  if (s.has("arch.embed_dims")) {
    dim = s.get<int64_t>("arch.embed_dims");
    depth = s.get<int64_t>("arch.num_layers");
    heads = s.get<int64_t>("arch.num_heads");
    hidden = s.get("arch.feedforward_channels", 4 * dim);
  } else {
    const Arch& a = named_arch(s.get("arch", "base"));
    dim = a.dim;
    depth = a.depth;
    heads = a.heads;
    hidden = a.hidden;
  }
  require(dim > 0 && depth > 0 && heads > 0 && hidden > 0, "`arch`: all sizes must be positive");
  require(dim % heads == 0, "`arch`: embed_dims " + text(dim) + " is no multiple of num_heads " + text(heads));
  require(patch > 0 && height % patch == 0 && width % patch == 0, no_multiple(s, *this));
  require(channels > 0, "`in_channels` must be positive");
  require(drop_path_rate >= 0 && drop_path_rate < 1, "`drop_path_rate` must be in [0, 1)");
  const std::string order = s.get("pos_embed_order", "row");
  require(order == "row" || order == "column", "`pos_embed_order` must be row or column, found " + order);
  row_first = order == "row";
  const std::string positions = s.get("pos_embed", learned_by_default ? "learned" : "sincos");
  require(positions == "sincos" || positions == "learned", "`pos_embed` must be sincos or learned, found " + positions);
  learned_positions = positions == "learned";
  require(learned_positions || cells() <= kMaxTable / dim,
          (s.has("img_size") ? "`img_size` " : "`train_dataloader.pipeline` gives images of ") + text(height) + " x " +
              text(width) + ", `patch_size` " + text(patch) + ": " + text(cells()) +
              " patches, whose table of positions of width " + text(dim) + " has " + text(cells() * dim) +
              " numbers; it may have " + text(kMaxTable));
}

const char* vit_schema(bool learned_by_default) {
  // Written once for both types.
  static const std::string common = R"({
  "type": "object",
  "description": "Vision transformer: patches, a class token, pre-norm blocks.",
  "properties": {
    "type": {"type": "string"},
    "arch": {
      "type": ["string", "object"],
      "enum": ["t", "tiny", "s", "small", "b", "base", "l", "large", "h", "huge"],
      "default": "base",
      "description": "A named size, or an object with free ones.",
      "properties": {
        "embed_dims": {"type": "integer", "minimum": 4, "maximum": 65536, "description": "Width of a token."},
        "num_layers": {"type": "integer", "minimum": 1, "maximum": 1024, "description": "Blocks."},
        "num_heads": {"type": "integer", "minimum": 1, "maximum": 65536, "description": "Attention heads; must divide embed_dims."},
        "feedforward_channels": {"type": "integer", "minimum": 1, "maximum": 262144, "description": "Hidden width of a block's MLP; 4 x embed_dims if left out."}
      },
      "required": ["embed_dims", "num_layers", "num_heads"]
    },
    "img_size": {"type": ["integer", "array"], "minimum": 1, "maximum": 65535, "items": {"type": "integer", "minimum": 1, "maximum": 65535}, "minItems": 2, "maxItems": 2, "description": "Side of the input in pixels, or [height, width]; the pipeline's if left out."},
    "patch_size": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 16, "description": "Side of a patch in pixels; must divide the sides of the input."},
    "in_channels": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "Channels of the input; the data set's if left out."},
    "norm_cfg": {
      "type": "object",
      "default": {},
      "description": "Layer norm.",
      "properties": {
        "type": {"type": "string", "enum": ["LN"], "default": "LN"},
        "eps": {"type": "number", "exclusiveMinimum": 0, "default": 1e-6, "description": "Added to the variance."}
      }
    },
    "final_norm": {"type": "boolean", "default": true, "description": "Layer norm after the last block."},
    "qkv_bias": {"type": "boolean", "default": true, "description": "Bias of the query, key and value matrix."},
    "drop_path_rate": {"type": "number", "minimum": 0, "maximum": 0.99, "default": 0.0, "description": "Stochastic depth of the last block; grows linearly from 0 at the first."},
    "pos_embed_order": {"type": "string", "enum": ["row", "column"], "default": "row", "description": "Which coordinate fills the first half of a fresh sine-cosine table: row as in MMSelfSup, column as in the official MAE."},
    "pos_embed": {"type": "string", "enum": ["sincos", "learned"], "default": ")";
  static const std::string end = R"(", "description": "Fixed sine-cosine positions, or trained ones."}
  }
})";
  static const std::string sincos = common + "sincos" + end, learned = common + "learned" + end;
  return (learned_by_default ? learned : sincos).c_str();
}
