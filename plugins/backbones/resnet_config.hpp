// The `backbone` node of a residual network: schema, named depths, checks. Keys are those of mmcls' ResNet.
#pragma once
#include <cstdint>
#include <vector>

#include "ssp/cpp/batch_norm.hpp"

struct ResNetConfig {
  struct Stage {
    int64_t blocks, channels, out_channels, stride;  // channels: of the 3x3 convolutions; stride: of the first block
  };
  // How the first convolution takes the images in, and whether a max pool (3x3, stride 2) follows it.
  struct Stem {
    int64_t kernel, stride;
    bool pool;
  };

  explicit ResNetConfig(const ssp::Scope& scope);

  int64_t in_channels, stem_channels;
  Stem stem;
  bool bottleneck;  // blocks of three convolutions, and four times the channels
  std::vector<Stage> stages;
  int64_t main_stage;  // the output that stands for the whole; 0: the stem's
  double eps, momentum;
  ssp::nn::Sync sync;
  bool norm_eval, zero_init_residual;
};

// stem: the default, and for "cifar" the only one.
const char* resnet_schema(bool cifar);
