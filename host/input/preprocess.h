// From the loader's bytes to what an algorithm sees: f32 images [B, C, H, W], normalised, on the device. Knows neither
// files nor algorithms.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

#include "base/json.h"
#include "bridge/components/algorithm.h"
#include "data/loader/batch.h"
#include "input/staging.h"

namespace selfsup::input {

class Preprocessor {
 public:
  // data_preprocessor: mean and std in units of 0..255, one number a channel (or one for all); left out: images pass
  // as they are. Error(usage) when they do not fit the channels.
  Preprocessor(const Json& data_preprocessor, int64_t channels, at::Device device);

  // From now on the results lie in memory as the bytes do, pixel by pixel, instead of channel by channel.
  void lay_channels_last() { format_ = at::MemoryFormat::ChannelsLast; }

  // uint8 [B,H,W,C] on the CPU -> f32 [B,C,H,W] = (x - mean) / std on the device.
  at::Tensor normalise(const at::Tensor& pixels) const;
  // The way back: f32 [B,C,H,W], any device -> uint8 [B,H,W,C] on the CPU, rounded and clamped.
  at::Tensor denormalise(const at::Tensor& images) const;

  // The result's fields hold the batch's buffers; its views do so on no device.
  bridge::StepBatch prepare(const data::Batch& batch) const;

  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& std() const { return std_; }

 private:
  at::Tensor normalise_on_cpu(const at::Tensor& pixels) const;

  std::vector<double> mean_, std_;
  at::Device device_;
  Staging staging_;
  at::MemoryFormat format_ = at::MemoryFormat::Contiguous;
  std::vector<std::array<float, 256>> table_;  // a channel's value for each byte
  at::Tensor device_mean_, device_std_;        // [C,1,1]
};

}  // namespace selfsup::input
