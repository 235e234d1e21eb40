#include "mae.hpp"

const char* Mae::schema() {
  return R"({
  "type": "object",
  "description": "Masked autoencoder: hides most patches of an image and learns to rebuild their pixels.",
  "properties": {
    "type": {"type": "string", "enum": ["MAE"]},
    "backbone": {
      "type": "object",
      "description": "The encoder, an ssp.backbone.tokens of any plugin.",
      "x-ssp-component": "ssp.backbone.tokens/0",
      "x-ssp-claims": {
        "mask_ratio": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.999, "default": 0.75, "description": "Share of the patches that are hidden."}
      }
    },
    "neck": {
      "type": "object",
      "description": "The decoder. Sizes that repeat the backbone's may be left out; where they are given, they must agree.",
      "properties": {
        "type": {"type": "string", "enum": ["MAEPretrainDecoder"], "default": "MAEPretrainDecoder"},
        "num_patches": {"type": "integer", "minimum": 1, "description": "Patches of an image; the backbone's."},
        "patch_size": {"type": "integer", "minimum": 1, "description": "Side of a patch in pixels; the backbone's."},
        "in_chans": {"type": "integer", "minimum": 1, "description": "Channels of the images; the backbone's."},
        "embed_dim": {"type": "integer", "minimum": 1, "description": "Width of the encoder's tokens; the backbone's."},
        "decoder_embed_dim": {"type": "integer", "minimum": 4, "maximum": 65536, "default": 512, "description": "Width of the decoder; a multiple of 4 and of its heads."},
        "decoder_depth": {"type": "integer", "minimum": 0, "maximum": 1024, "default": 8, "description": "Blocks of the decoder."},
        "decoder_num_heads": {"type": "integer", "minimum": 1, "maximum": 65536, "default": 16, "description": "Attention heads of a block."},
        "mlp_ratio": {"type": "number", "exclusiveMinimum": 0, "maximum": 1024, "default": 4.0, "description": "Hidden width of a block's MLP as a multiple of its width."},
        "pos_embed_order": {"type": "string", "enum": ["row", "column"], "description": "Order of a fresh position table; the backbone's."}
      }
    },
    "head": {
      "type": "object",
      "description": "The target and the loss.",
      "properties": {
        "type": {"type": "string", "enum": ["MAEPretrainHead"], "default": "MAEPretrainHead"},
        "norm_pix": {"type": "boolean", "default": false, "description": "Rebuild each patch with its own mean and deviation taken out."},
        "patch_size": {"type": "integer", "minimum": 1, "description": "Side of a patch in pixels; the backbone's."},
        "loss": {
          "type": "object",
          "description": "Mean squared error over the hidden patches.",
          "properties": {"type": {"type": "string", "enum": ["MAEReconstructionLoss"], "default": "MAEReconstructionLoss"}}
        }
      }
    },
    "init_cfg": {"type": ["object", "array", "null"], "description": "Accepted as in MMSelfSup's files. MAE always starts as they say: linear layers Xavier-uniform with bias 0, layer norms 1 and 0."}
  },
  "required": ["backbone"]
})";
}
