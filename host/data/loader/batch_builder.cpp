#include "data/loader/batch_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <tuple>

#include "base/errors.h"

namespace selfsup::data {
namespace {

[[noreturn]] void refuse(const std::string& text) { throw Error(Exit::usage, text); }

size_t bytes_of(int64_t samples, size_t each) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(samples), each, &bytes)) throw std::bad_alloc();
  return bytes;
}

// What a field holds per sample.
size_t bytes_per_sample(const BatchField& field) {
  size_t bytes = size_of(field.type);
  for (size_t d = 1; d < field.sizes.size(); ++d) bytes *= static_cast<size_t>(field.sizes[d]);
  return bytes;
}

size_t bytes_per_image(const BatchView& view) {
  return static_cast<size_t>(view.height) * static_cast<size_t>(view.width) * static_cast<size_t>(view.channels);
}

bool same_layout(const BatchField& batch, const Field& field) {
  return batch.type == field.type &&
         std::equal(batch.sizes.begin() + 1, batch.sizes.end(), field.sizes.begin(), field.sizes.end());
}

}  // namespace

BatchBuilder::BatchBuilder(const Allocator& allocate, uint64_t epoch, int64_t index, int64_t size, int64_t capacity,
                           bool labels)
    : allocate_(allocate), capacity_(capacity) {
  batch_.epoch = epoch;
  batch_.index = index;
  batch_.size = size;
  batch_.sample_index.resize(static_cast<size_t>(size));
  if (labels) batch_.labels.resize(static_cast<size_t>(size));
}

// When it fails, the next sample tries again.
void BatchBuilder::lay_out_once(const Sample& sample) {
  if (laid_out_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(layout_);
  if (laid_out_.load(std::memory_order_relaxed)) return;
  lay_out(sample);
  laid_out_.store(true, std::memory_order_release);
}

void BatchBuilder::lay_out(const Sample& sample) {
  std::vector<BatchView> views;
  for (const View& made : sample.views) {
    const ImageShape shape = made.shape();
    BatchView view{nullptr, batch_.size, shape.height, shape.width, shape.channels};
    view.pixels = allocate_(bytes_of(capacity_, bytes_per_image(view)));
    views.push_back(std::move(view));
  }
  std::vector<BatchField> fields;
  for (const Field& field : sample.fields) {
    BatchField out{field.name, field.view, field.type, {batch_.size}, nullptr};
    out.sizes.insert(out.sizes.end(), field.sizes.begin(), field.sizes.end());
    const std::shared_ptr<uint8_t> memory = allocate_(bytes_of(capacity_, bytes_per_sample(out)));
    out.data = {memory, reinterpret_cast<std::byte*>(memory.get())};
    fields.push_back(std::move(out));
  }
  std::sort(fields.begin(), fields.end(), [](const BatchField& a, const BatchField& b) {
    return std::tie(a.name, a.view) < std::tie(b.name, b.view);
  });
  batch_.views = std::move(views);
  batch_.fields = std::move(fields);
}

void BatchBuilder::place(int64_t position, Sample& sample) {
  decode(sample.views);  // before the layout, which is not to be that of a damaged file
  lay_out_once(sample);
  const size_t at = static_cast<size_t>(position);
  place_views(at, sample);
  place_fields(at, sample);
  batch_.sample_index[at] = sample.index;
  if (!batch_.labels.empty()) batch_.labels[at] = sample.label;
}

void BatchBuilder::place_views(size_t position, const Sample& sample) {
  if (sample.views.size() != batch_.views.size())
    refuse(fmt::format("the pipeline made {} views, of another image of the batch {}", sample.views.size(),
                       batch_.views.size()));
  for (size_t v = 0; v < sample.views.size(); ++v) {
    const ImageShape image = sample.views[v].shape();
    const BatchView& view = batch_.views[v];
    if (image.height != view.height || image.width != view.width || image.channels != view.channels)
      refuse(
          fmt::format("view {} is {} x {} with {} channels, of another image of the batch {} x {} with {}; end the "
                      "pipeline with a resize or a crop to one size",
                      v, image.height, image.width, image.channels, view.height, view.width, view.channels));
    sample.views[v].draw_into(view.pixels.get() + position * bytes_per_image(view));
  }
}

void BatchBuilder::place_fields(size_t position, const Sample& sample) {
  if (sample.fields.size() != batch_.fields.size())
    refuse(fmt::format("the pipeline made {} fields, of another image of the batch {}", sample.fields.size(),
                       batch_.fields.size()));
  for (const BatchField& out : batch_.fields) {
    const auto field = std::find_if(sample.fields.begin(), sample.fields.end(),
                                    [&](const Field& f) { return f.name == out.name && f.view == out.view; });
    const size_t bytes = bytes_per_sample(out);
    if (field == sample.fields.end() || !same_layout(out, *field) || field->bytes.size() != bytes)
      refuse(
          fmt::format("field \"{}\" of view {} is missing, or differs in type or sizes from that of another image "
                      "of the batch",
                      out.name, out.view));
    if (bytes > 0) std::memcpy(out.data.get() + position * bytes, field->bytes.data(), bytes);
  }
}

}  // namespace selfsup::data
