// The masked autoencoder of mae.so written directly against LibTorch, over the same parameters: what the plugin
// boundary costs is the difference. Pre-norm blocks, one class token, as plugins/mae and plugins/backbones.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "case.h"
#include "model/store.h"
#include "train/task.h"

namespace selfsup::bench {

class NativeMae : public train::Task {
 public:
  // The store holds what mae.so declared for the same case, with values.
  NativeMae(const Case& c, model::ParameterStore& store);

  // f32 [B, L]: the noise of the next steps; empty: drawn.
  std::function<at::Tensor(int64_t rows, int64_t n)> noise;

  std::vector<bridge::NamedTensor> training_step(const bridge::Step& step, const bridge::StepBatch& batch) override;

 private:
  struct Linear {
    at::Tensor weight, bias;
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct Norm {
    at::Tensor weight, bias;
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct Block {
    Norm ln1;
    Linear qkv, proj;
    Norm ln2;
    Linear up, down;
    int64_t heads;
    at::Tensor operator()(const at::Tensor& x) const;
  };
  at::Tensor get(const std::string& name) const;
  Linear linear(const std::string& name) const;
  Norm norm(const std::string& name) const;
  Block block(const std::string& name, int64_t heads) const;

  int64_t patch_, side_, channels_, decoder_dim_;  // side_: patches of a row
  double mask_ratio_;
  model::ParameterStore& store_;
  at::Tensor projection_weight_, projection_bias_, cls_token_, pos_embed_, mask_token_, decoder_pos_embed_;
  std::vector<Block> encoder_, decoder_;
  Norm encoder_norm_, decoder_norm_;
  Linear embed_, predict_;
};

}  // namespace selfsup::bench
