#include "simclr.hpp"

const char* SimClr::schema() {
  return R"({
  "type": "object",
  "description": "SimCLR: the two views of an image are to be nearer to one another than to all other images of the batch.",
  "properties": {
    "type": {"type": "string", "enum": ["SimCLR"]},
    "backbone": {"type": "object", "description": "The network that is pretrained, an ssp.backbone of any plugin; its main layer is used.", "x-ssp-component": "ssp.backbone/0"},
    "neck": {
      "type": "object",
      "description": "The projection: fc0, bn0, then ReLU, fc1, bn1 and so on. It is thrown away after pretraining.",
      "properties": {
        "type": {"type": "string", "enum": ["NonLinearNeck"], "default": "NonLinearNeck"},
        "in_channels": {"type": "integer", "minimum": 1, "maximum": 65536, "description": "Width of what it gets; absent: the backbone's."},
        "hid_channels": {"type": "integer", "minimum": 1, "maximum": 65536, "description": "Width of the hidden layers; absent: as in_channels."},
        "out_channels": {"type": "integer", "minimum": 1, "maximum": 65536, "default": 128, "description": "Width of the projection."},
        "num_layers": {"type": "integer", "minimum": 1, "maximum": 100, "default": 2, "description": "Linear layers."},
        "with_bias": {"type": "boolean", "default": false, "description": "Biases of all linear layers but the last."},
        "with_last_bn": {"type": "boolean", "default": true, "description": "Batch norm after the last layer too."},
        "with_last_bn_affine": {"type": "boolean", "default": true, "description": "That one with weight and bias."},
        "with_last_bias": {"type": "boolean", "default": false, "description": "A bias of the last linear layer."},
        "with_avg_pool": {"type": "boolean", "default": true, "description": "Maps are averaged over their places; false: taken as they are."},
        "norm_cfg": {
          "type": "object",
          "default": {},
          "description": "Its batch norms.",
          "properties": {
            "type": {"type": "string", "enum": ["BN", "SyncBN"], "default": "SyncBN", "description": "SyncBN: over the images of all ranks. BN: of each rank."},
            "eps": {"type": "number", "exclusiveMinimum": 0, "default": 1e-5, "description": "Added to the variance."},
            "momentum": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.1, "description": "Share of a batch in the running statistics."}
          }
        }
      }
    },
    "head": {
      "type": "object",
      "description": "The loss (NT-Xent): the twin of a view is to be found among all others, of all ranks.",
      "properties": {
        "type": {"type": "string", "enum": ["ContrastiveHead"], "default": "ContrastiveHead"},
        "temperature": {"type": "number", "exclusiveMinimum": 0, "default": 0.1, "description": "Divides the cosines."},
        "gradient": {"type": "string", "enum": ["exact", "mmselfsup"], "default": "exact", "description": "With several ranks: that of the loss over all images; or that divided by the number of ranks, as MMSelfSup's."},
        "loss": {
          "type": "object",
          "description": "Mean over the views.",
          "properties": {"type": {"type": "string", "enum": ["CrossEntropyLoss"], "default": "CrossEntropyLoss"}}
        }
      }
    }
  },
  "required": ["backbone"]
})";
}
