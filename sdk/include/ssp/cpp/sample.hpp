// SPDX-License-Identifier: Apache-2.0
// Sample: one item in a data worker, as a transform sees it. uint8 images, labelled fields, random numbers of its own.
#pragma once
#include <vector>

#include "ssp/cpp/tensor.hpp"
#include "ssp/transform.h"

namespace ssp {
inline namespace v0 {

// Rows of width * channels bytes, row_stride bytes apart; owned by the sample.
class Image {
 public:
  explicit Image(const ssp_image& raw) : raw_(raw) {}
  int64_t height() const { return raw_.height; }
  int64_t width() const { return raw_.width; }
  uint32_t channels() const { return raw_.channels; }
  uint8_t* row(int64_t y) const { return static_cast<uint8_t*>(raw_.data) + y * raw_.row_stride; }
  const ssp_image& raw() const { return raw_; }

 private:
  ssp_image raw_;
};

// Inside apply. THREAD: the worker's.
class Sample {
 public:
  Sample(const ssp_sample_api* api, ssp_sample* raw) : api_(api), raw_(raw) {}
  ssp_sample_info info() const {
    ssp_sample_info i{};
    i.struct_size = sizeof i;
    check(api_->info(raw_, &i));
    return i;
  }
  uint32_t count() const { return info().images; }
  Image image(uint32_t i = 0) const {
    ssp_image image{};
    image.struct_size = sizeof image;
    check(api_->get(raw_, i, &image));
    return Image(image);
  }
  // A new image, to be given to replace or append before apply returns.
  Image alloc(int64_t height, int64_t width, uint32_t channels) const {
    ssp_image image{};
    image.struct_size = sizeof image;
    image.channels = channels;
    image.dtype = SSP_U8;
    image.height = height;
    image.width = width;
    check(api_->alloc(raw_, &image));
    return Image(image);
  }
  // The image that was there, with its rows, is gone.
  void replace(uint32_t i, const Image& image) const { check(api_->replace(raw_, i, &image.raw())); }
  void append(const Image& image) const { check(api_->append(raw_, &image.raw())); }
  // The batch stacks it: [B, sizes…]. Every sample must set the same fields with the same sizes.
  template <class T>
  void set_field(std::string_view name, const std::vector<T>& values, Ints sizes, int32_t view = -1) const {
    detail::check_length(values.size(), sizes, "set_field");
    const detail::Elements<T> elements(values);
    check(api_->set_field(raw_, to_str(name), view, detail::DTypeOf<T>::value, sizes.data(),
                          static_cast<uint32_t>(sizes.size()), elements.data()));
  }
  uint64_t random64(uint32_t view = 0) const { return api_->random64(raw_, view); }
  // Uniform in [0, 1), and in [low, high).
  double uniform(uint32_t view = 0) const { return static_cast<double>(random64(view) >> 11) * 0x1p-53; }
  double uniform(double low, double high, uint32_t view = 0) const { return low + (high - low) * uniform(view); }

 private:
  const ssp_sample_api* api_;
  ssp_sample* raw_;
};

}  // namespace v0
}  // namespace ssp
