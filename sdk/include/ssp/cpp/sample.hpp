// SPDX-License-Identifier: Apache-2.0
// Sample: one item in a data worker, as a transform sees it. Images and what is to be done to them, fields, random
// numbers.
#pragma once
#include <initializer_list>
#include <utility>
#include <vector>

#include "ssp/cpp/edit.hpp"
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

// The random numbers of one view: what it draws moves no other view's.
class Random {
 public:
  Random(const ssp_sample_api* api, ssp_sample* sample, uint32_t view) : api_(api), sample_(sample), view_(view) {}
  uint64_t bits() { return api_->random64(sample_, view_); }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }            // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }  // [low, high)
  bool chance(double probability) { return uniform() < probability; }
  // 0 … n - 1, each as likely but for n / 2^32.
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(((bits() >> 32) * n) >> 32); }
  // Any order of a container's elements, each as likely.
  template <class Container>
  void shuffle(Container& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(static_cast<uint32_t>(i))]);
  }

 private:
  const ssp_sample_api* api_;
  ssp_sample* sample_;
  uint32_t view_;
};

// Inside apply. THREAD: the worker's.
class Sample {
 public:
  Sample(const ssp_sample_api* api, ssp_sample* raw) : api_(api), raw_(raw) {}
  // index (in the data set), label (-1: none), epoch, images
  ssp_sample_info info() const {
    auto i = empty<ssp_sample_info>();
    check(api_->info(raw_, &i));
    return i;
  }
  uint32_t count() const { return info().images; }  // of images

  // --- edits: the host draws them. The class names their kinds: static constexpr uint32_t edits[] = {SSP_EDIT_…} ---
  void edit(uint32_t i, const ssp_edit& one) const { check(api_->edit(raw_, i, &one, 1)); }
  void edit(uint32_t i, std::initializer_list<ssp_edit> list) const {
    check(api_->edit(raw_, i, list.begin(), static_cast<uint32_t>(list.size())));
  }
  template <class Container>  // std::vector, std::array
  auto edit(uint32_t i, const Container& list) const -> std::enable_if_t<!std::is_convertible_v<Container, ssp_edit>> {
    check(api_->edit(raw_, i, list.data(), static_cast<uint32_t>(list.size())));
  }
  // Height, width and channels as they will be, with the edits; it has no rows.
  Image shape(uint32_t i = 0) const {
    auto image = empty<ssp_image>();
    check(api_->shape(raw_, i, &image));
    return Image(image);
  }
  // One more image, the same as image i and with the same edits so far.
  void append_copy(uint32_t i = 0) const { check(api_->append_copy(raw_, i)); }

  // --- pixels ---
  // With the edits drawn; the rows may be written. Good until the next edit or replace of this image.
  Image image(uint32_t i = 0) const {
    auto image = empty<ssp_image>();
    check(api_->get(raw_, i, &image));
    return Image(image);
  }
  // A new image, to be given to replace or append before apply returns.
  Image alloc(int64_t height, int64_t width, uint32_t channels) const {
    auto image = empty<ssp_image>();
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

  // --- fields: of the sample (view -1) or of one image. The batch stacks them: [B, sizes…] ---
  // Every sample must set the same fields with the same sizes.
  template <class T>
  void set_field(std::string_view name, const std::vector<T>& values, Ints sizes, int32_t view = -1) const {
    detail::check_length(values.size(), sizes, "set_field");
    const detail::Elements<T> elements(values);
    check(api_->set_field(raw_, to_str(name), view, detail::DTypeOf<T>::value, sizes.data(),
                          static_cast<uint32_t>(sizes.size()), elements.data()));
  }
  // Its values, that an earlier step has set; empty where there is no such field. Error where T is not its type.
  template <class T>
  std::vector<T> field(std::string_view name, int32_t view = -1) const {
    auto found = empty<ssp_field>();
    check(api_->get_field(raw_, to_str(name), view, &found));
    if (found.dtype == 0) return {};
    if (found.dtype != detail::DTypeOf<T>::value)
      throw Error(SSP_E_ARGUMENT, "field '" + std::string(name) + "' holds another type of number");
    int64_t n = 1;
    for (uint32_t d = 0; d < found.ndim; ++d) n *= found.sizes[d];
    const T* first = static_cast<const T*>(found.data);
    return std::vector<T>(first, first + n);
  }

  Random random(uint32_t view = 0) const { return Random(api_, raw_, view); }
  uint64_t random64(uint32_t view = 0) const { return random(view).bits(); }
  double uniform() const { return random().uniform(); }  // [0, 1)
  double uniform(double low, double high, uint32_t view = 0) const { return random(view).uniform(low, high); }
  // This sample cannot be used: it is replaced, counted and listed like an image that cannot be read.
  [[noreturn]] static void bad(const std::string& why) { throw Error(SSP_E_SAMPLE, why); }

 private:
  template <class Struct>
  static Struct empty() {
    Struct s{};
    s.struct_size = sizeof s;
    return s;
  }

  const ssp_sample_api* api_;
  ssp_sample* raw_;
};

}  // namespace v0
}  // namespace ssp
