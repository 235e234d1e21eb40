// Residual network (He et al. 2016). Parameters carry torchvision's names, which are MMSelfSup's too.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "resnet_config.hpp"
#include "ssp/cpp/adapters.hpp"
#include "ssp/cpp/nn.hpp"
#include "ssp/cpp/norm_act.hpp"

class ResNet {
 public:
  explicit ResNet(const ssp::Scope& scope);
  static const char* schema() { return resnet_schema(false); }

  // "stem" (before its pool) and "layer1" … [B, channels, h, w], each side halved by a stride of 2, odd ones rounded
  // up; "mean" [B, channels] of the main one of these.
  std::vector<ssp::LayerInfo> layers(int64_t h, int64_t w) const;
  ssp::Outputs forward(const ssp::ForwardInput& in, const ssp::Call& call) const;

  // "torchvision", "timm" and "mmselfsup".
  ssp::NamePairs names(std::string_view format) const;

 private:
  // A convolution without bias, and its batch norm.
  struct ConvNorm {
    ssp::nn::Conv2d conv;
    ssp::nn::BatchNorm norm;
    // With the residual, unless that is empty, and a ReLU.
    ssp::Tensor operator()(const ssp::Tensor& x, const ssp::Call& call, const ssp::Tensor& residual = {}) const {
      return ssp::nn::norm_act(norm, conv(x), call, residual);
    }
    ssp::Tensor without_relu(const ssp::Tensor& x, const ssp::Call& call) const {
      return ssp::nn::norm_act(norm, conv(x), call, {}, /*with_relu=*/false);
    }
  };
  struct Block {
    std::vector<ConvNorm> convs;
    std::optional<ConvNorm> shortcut;  // none: the input as it is
    ssp::Tensor operator()(const ssp::Tensor& x, const ssp::Call& call) const;
  };
  struct Size {
    int64_t channels, h, w;
  };

  ConvNorm conv_norm(const ssp::Scope& conv, const ssp::Scope& norm, int64_t in, int64_t out, int64_t kernel,
                     int64_t stride, double norm_begins = 1) const;
  Block block(const ssp::Scope& s, int64_t in, const ResNetConfig::Stage& stage, int64_t stride) const;
  // Of the stem's output and those of the stages.
  std::vector<Size> sizes(int64_t h, int64_t w) const;
  // Refused before a batch statistic of one value is: it would be told without the layer's name.
  void check_statistics(int64_t batch, const Size& deepest, const std::string& layer) const;

  ResNetConfig config_;
  ConvNorm stem_;
  std::vector<std::vector<Block>> stages_;
  std::vector<std::string> map_names_;  // "stem", "layer1", …
  std::vector<std::string> tensor_names_;
};

// For small images: no stride and no pool before the first stage.
struct ResNetCifar : ResNet {
  using ResNet::ResNet;
  static const char* schema() { return resnet_schema(true); }
};
