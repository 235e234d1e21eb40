#include "bridge/tables/sample.h"

#include <fmt/format.h>

#include <cstring>

#include "bridge/components/session.h"
#include "bridge/out_struct.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

thread_local const ssp_sample* t_current = nullptr;

ssp_sample& checked(ssp_sample* sample) {
  require(sample != nullptr && sample == t_current, SSP_E_PRECONDITION,
          "this ssp_sample is not the one of the apply in progress");
  return *sample;
}

data::Image& checked_view(ssp_sample& s, uint32_t i) {
  if (i >= s.sample.views.size()) {
    fail(SSP_E_ARGUMENT, fmt::format("image {} of a sample with {}", i, s.sample.views.size()));
  }
  return s.sample.views[i];
}

void check_size(const ssp_image* image) {
  require(image != nullptr && image->struct_size >= offsetof(ssp_image, row_stride) + sizeof image->row_stride,
          SSP_E_ARGUMENT, "set the struct_size of ssp_image first");
}

void describe(data::Image& image, ssp_image* out) {
  out->channels = static_cast<uint32_t>(image.channels);
  out->data = image.pixels.data();
  out->height = image.height;
  out->width = image.width;
  out->row_stride = static_cast<int64_t>(image.row_bytes());
}

ssp_status info(const ssp_sample* sample, ssp_sample_info* out) {
  return guarded([&] {
    require(sample != nullptr && sample == t_current, SSP_E_PRECONDITION,
            "this ssp_sample is not the one of the apply in progress");
    ssp_sample_info i{};
    i.images = static_cast<uint32_t>(sample->sample.views.size());
    i.index = sample->sample.index;
    i.label = -1;
    write_out(i, out, "sample.info");
  });
}

ssp_status get(ssp_sample* sample, uint32_t i, ssp_image* out) {
  return guarded([&] {
    ssp_sample& s = checked(sample);
    check_size(out);
    describe(checked_view(s, i), out);
  });
}

ssp_status alloc(ssp_sample* sample, ssp_image* out) {
  return guarded([&] {
    ssp_sample& s = checked(sample);
    check_size(out);
    const int64_t h = out->height, w = out->width;
    const uint32_t channels = out->channels;
    if (h < 1 || w < 1 || h > 65535 || w > 65535 || (channels != 1 && channels != 3)) {
      fail(SSP_E_ARGUMENT,
           fmt::format("alloc: {}x{} with {} channels; sides are 1 … 65535, channels 1 or 3", h, w, channels));
    }
    data::Image& image = s.made.emplace_back();
    image.reshape(static_cast<int>(h), static_cast<int>(w), static_cast<int>(channels));
    describe(image, out);
  });
}

// Takes what alloc made, known by its address.
data::Image take_made(ssp_sample& s, const ssp_image* image) {
  check_size(image);
  for (auto it = s.made.begin(); it != s.made.end(); ++it) {
    if (it->pixels.data() != image->data) continue;
    if (it->height != image->height || it->width != image->width || it->channels != static_cast<int>(image->channels)) {
      fail(SSP_E_ARGUMENT, fmt::format("the image was made {}x{}x{} and is given as {}x{}x{}", it->height, it->width,
                                       it->channels, image->height, image->width, image->channels));
    }
    data::Image taken = std::move(*it);
    s.made.erase(it);
    return taken;
  }
  fail(SSP_E_ARGUMENT, "the image was not made by alloc in this apply, or was given away already");
}

ssp_status replace(ssp_sample* sample, uint32_t i, const ssp_image* image) {
  return guarded([&] {
    ssp_sample& s = checked(sample);
    data::Image& old = checked_view(s, i);
    old = take_made(s, image);
  });
}

ssp_status append(ssp_sample* sample, const ssp_image* image) {
  return guarded([&] {
    ssp_sample& s = checked(sample);
    s.sample.views.push_back(take_made(s, image));
  });
}

data::FieldType field_type(int32_t dtype) {
  switch (dtype) {
    case SSP_F32:
      return data::FieldType::f32;
    case SSP_F64:
      return data::FieldType::f64;
    case SSP_I64:
      return data::FieldType::i64;
    case SSP_I32:
      return data::FieldType::i32;
    case SSP_U8:
      return data::FieldType::u8;
    case SSP_BOOL:
      return data::FieldType::boolean;
    default:
      fail(SSP_E_ARGUMENT, fmt::format("set_field: element type {}; fields are f32, f64, i64, i32, u8 or bool", dtype));
  }
}

ssp_status set_field(ssp_sample* sample, ssp_str name, int32_t view_index, int32_t dtype, const int64_t* sizes,
                     uint32_t ndim, const void* bytes) {
  return guarded([&] {
    ssp_sample& s = checked(sample);
    require(view_index == -1, SSP_E_UNSUPPORTED, "set_field: fields of one view are not built yet");
    require((sizes != nullptr || ndim == 0) && ndim <= 8, SSP_E_ARGUMENT, "set_field: at most 8 dimensions");
    data::Field field;
    field.name = std::string(view(name));
    if (field.name.empty() || field.name == "sample_index" || field.name == "label") {
      fail(SSP_E_ARGUMENT, fmt::format("set_field: the name '{}' is not free", field.name));
    }
    field.type = field_type(dtype);
    uint64_t n = data::size_of(field.type);
    for (uint32_t i = 0; i < ndim; ++i) {
      if (sizes[i] < 0 || __builtin_mul_overflow(n, static_cast<uint64_t>(sizes[i]), &n) || n > (1u << 30)) {
        fail(SSP_E_ARGUMENT, fmt::format("set_field '{}': impossible sizes", field.name));
      }
      field.sizes.push_back(sizes[i]);
    }
    require(bytes != nullptr || n == 0, SSP_E_ARGUMENT, "set_field: data is null");
    const auto* first = static_cast<const std::byte*>(bytes);
    field.bytes.assign(first, first + n);
    s.sample.set_field(std::move(field));
  });
}

uint64_t random64(ssp_sample* sample, uint32_t) { return sample && sample == t_current ? sample->random.next() : 0; }

}  // namespace

const ssp_sample_api sample_api = {sizeof(ssp_sample_api),
                                   0,
                                   info,
                                   nullptr,
                                   nullptr,
                                   get,
                                   alloc,
                                   replace,
                                   append,
                                   nullptr,
                                   set_field,
                                   nullptr,
                                   random64};

SampleScope::SampleScope(data::Sample& sample, data::SampleRandom& random)
    : it_{sample, random, {}}, outer_(t_current) {
  t_current = &it_;
}

SampleScope::~SampleScope() { t_current = outer_; }

}  // namespace selfsup::bridge
