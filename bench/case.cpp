#include "case.h"

#include <fmt/format.h>

namespace selfsup::bench {

Case::Case(const Json& j)
    : image(j.get("image").as_int()),
      patch(j.get("patch").as_int()),
      channels(j.get("channels").as_int()),
      dim(j.get("dim").as_int()),
      depth(j.get("depth").as_int()),
      heads(j.get("heads").as_int()),
      decoder_dim(j.get("decoder_dim").as_int()),
      decoder_depth(j.get("decoder_depth").as_int()),
      decoder_heads(j.get("decoder_heads").as_int()),
      batch(j.get("batch").as_int()),
      mask_ratio(j.get("mask_ratio").as_double()),
      bf16(j.get("bf16").as_bool()) {}

Json Case::model() const {
  return parse_json(
      fmt::format(
          R"({{"type": "MAE",
               "backbone": {{"type": "MAEViT", "img_size": {}, "patch_size": {}, "in_channels": {}, "mask_ratio": {},
                             "arch": {{"embed_dims": {}, "num_layers": {}, "num_heads": {}, "feedforward_channels": {}}}}},
               "neck": {{"type": "MAEPretrainDecoder", "decoder_embed_dim": {}, "decoder_depth": {}, "decoder_num_heads": {}}},
               "head": {{"type": "MAEPretrainHead", "norm_pix": true}}}})",
          image, patch, channels, mask_ratio, dim, depth, heads, 4 * dim, decoder_dim, decoder_depth, decoder_heads),
      "model", "case");
}

}  // namespace selfsup::bench
