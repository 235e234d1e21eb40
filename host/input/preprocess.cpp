#include "input/preprocess.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::input {
namespace {

std::vector<double> per_channel(const Json& config, const char* key, double otherwise, int64_t channels) {
  const Json* node = config.find(key);
  if (!node || node->is_null()) return std::vector<double>(static_cast<size_t>(channels), otherwise);
  std::vector<double> out;
  if (node->is_number()) {
    out.push_back(node->as_double());
  } else {
    for (const Json& value : node->as_array()) out.push_back(value.as_double());
  }
  if (out.size() == 1) out.resize(static_cast<size_t>(channels), out[0]);
  if (static_cast<int64_t>(out.size()) != channels)
    throw Error(Exit::usage, fmt::format("{}: data_preprocessor.{} has {} numbers, the images have {} channels",
                                         describe(node->source), key, out.size(), channels));
  return out;
}

at::ScalarType dtype_of(data::FieldType type) {
  switch (type) {
    case data::FieldType::u8:
      return at::kByte;
    case data::FieldType::i32:
      return at::kInt;
    case data::FieldType::i64:
      return at::kLong;
    case data::FieldType::f32:
      return at::kFloat;
    case data::FieldType::f64:
      return at::kDouble;
    case data::FieldType::boolean:
      return at::kBool;
  }
  return at::kByte;
}

// A tensor over the loader's buffer, which lives as long as the tensor.
template <class T>
at::Tensor borrow(const std::shared_ptr<T>& data, at::IntArrayRef sizes, at::ScalarType dtype) {
  return at::from_blob(
      data.get(), sizes, [data](void*) {}, at::TensorOptions().dtype(dtype));
}

}  // namespace

Preprocessor::Preprocessor(const Json& config, int64_t channels, at::Device device)
    : mean_(per_channel(config, "mean", 0, channels)),
      std_(per_channel(config, "std", 1, channels)),
      device_(device),
      staging_(device) {
  for (double s : std_)
    if (!(s > 0))
      throw Error(Exit::usage, fmt::format("{}: data_preprocessor.std is above 0", describe(config.get("std").source)));
  for (size_t c = 0; c < mean_.size(); ++c) {
    // In float and in this order, as the original computes it.
    const auto mean = static_cast<float>(mean_[c]), std = static_cast<float>(std_[c]);
    auto& row = table_.emplace_back();
    for (int v = 0; v < 256; ++v) row[static_cast<size_t>(v)] = (static_cast<float>(v) - mean) / std;
  }
  const auto options = at::TensorOptions(device_).dtype(at::kFloat);
  device_mean_ = at::tensor(mean_, at::kDouble).to(options).view({channels, 1, 1});
  device_std_ = at::tensor(std_, at::kDouble).to(options).view({channels, 1, 1});
}

at::Tensor Preprocessor::normalise_on_cpu(const at::Tensor& pixels) const {
  const int64_t count = pixels.size(0), plane = pixels.size(1) * pixels.size(2), channels = pixels.size(3);
  at::Tensor out = at::empty({count, channels, pixels.size(1), pixels.size(2)}, at::kFloat, format_);
  const bool last = format_ == at::MemoryFormat::ChannelsLast;
  const uint8_t* from = pixels.const_data_ptr<uint8_t>();
  float* to = out.mutable_data_ptr<float>();
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, plane * channels));
  at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const uint8_t* src = from + b * plane * channels;
      float* dst = to + b * plane * channels;
      if (last) {
        for (int64_t i = 0; i < plane * channels; i += channels)
          for (int64_t c = 0; c < channels; ++c) dst[i + c] = table_[static_cast<size_t>(c)][src[i + c]];
        continue;
      }
      for (int64_t c = 0; c < channels; ++c) {
        const float* table = table_[static_cast<size_t>(c)].data();
        for (int64_t i = 0; i < plane; ++i) dst[c * plane + i] = table[src[i * channels + c]];
      }
    }
  });
  return out;
}

at::Tensor Preprocessor::normalise(const at::Tensor& pixels) const {
  TORCH_CHECK(pixels.dim() == 4 && pixels.scalar_type() == at::kByte, "images are uint8 [B,H,W,C]");
  if (pixels.size(3) != static_cast<int64_t>(mean_.size()))
    throw Error(Exit::data,
                fmt::format("images with {} channels where {} are configured", pixels.size(3), mean_.size()));
  if (device_.is_cpu()) return normalise_on_cpu(pixels.contiguous());
  // Bytes become floats as they are subtracted from, in the order in which they lie: two passes over the floats.
  at::Tensor out = at::sub(staging_(pixels).permute({0, 3, 1, 2}), device_mean_).contiguous(format_);
  return out.div_(device_std_);
}

at::Tensor Preprocessor::denormalise(const at::Tensor& images) const {
  at::NoGradGuard no_grad;
  const at::Tensor values = images.to(device_mean_.device(), at::kFloat) * device_std_ + device_mean_;
  return values.nan_to_num(0).round_().clamp_(0, 255).to(at::kByte).permute({0, 2, 3, 1}).contiguous().cpu();
}

bridge::StepBatch Preprocessor::prepare(const data::Batch& batch) const {
  bridge::StepBatch out;
  for (const data::BatchView& view : batch.views)
    out.views.push_back(
        normalise(borrow(view.pixels, {view.count, view.height, view.width, view.channels}, at::kByte)));
  out.sample_index = at::tensor(at::ArrayRef<int64_t>(batch.sample_index), at::kLong);
  if (!batch.labels.empty())
    out.fields.push_back({"label", -1, at::tensor(at::ArrayRef<int64_t>(batch.labels), at::kLong)});
  for (const data::BatchField& field : batch.fields)
    out.fields.push_back({field.name, field.view, borrow(field.data, field.sizes, dtype_of(field.type))});
  return out;
}

}  // namespace selfsup::input
