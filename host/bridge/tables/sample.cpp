#include "bridge/tables/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "bridge/components/session.h"
#include "bridge/out_struct.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

constexpr size_t kMaxImages = 1000;
constexpr uint64_t kMaxFieldBytes = uint64_t{1} << 30;

thread_local const ssp_sample* t_current = nullptr;

// Runs the body of a function of the table; its failures begin with the function's name.
template <class Body>
ssp_status function(const ssp_sample* sample, const char* name, Body&& body) {
  return guarded([&] {
    if (sample == nullptr || sample != t_current) {
      fail(SSP_E_PRECONDITION, fmt::format("sample.{}: this ssp_sample is not the one of the apply in progress on this "
                                           "thread; do not keep it",
                                           name));
    }
    try {
      body();
    } catch (const Failure& e) {
      throw Failure(e.status, fmt::format("sample.{}: {}", name, e.text));
    } catch (const data::BadImage& e) {  // of a file whose pixels nobody had asked for yet
      throw Failure(SSP_E_SAMPLE, fmt::format("sample.{}: {}", name, e.what()));
    }
  });
}

data::View& checked_view(const ssp_sample& s, uint32_t i) {
  if (i >= s.sample.views.size()) {
    fail(SSP_E_ARGUMENT, fmt::format("there is no image {}; the sample has {} here, from 0", i, s.sample.views.size()));
  }
  return s.sample.views[i];
}

ssp_image described(const data::ImageShape& shape, uint8_t* pixels) {
  ssp_image image{};
  image.struct_size = sizeof image;
  image.channels = static_cast<uint32_t>(shape.channels);
  image.dtype = SSP_U8;
  image.data = pixels;
  image.height = shape.height;
  image.width = shape.width;
  image.row_stride = int64_t{shape.width} * shape.channels;
  return image;
}

ssp_image described(data::Image& image) {
  return described({image.height, image.width, image.channels}, image.pixels.data());
}

ssp_image given(const ssp_image* image) {
  const ssp_image mine = read_in(image, offsetof(ssp_image, row_stride) + sizeof(int64_t), "the ssp_image");
  if (mine.dtype != SSP_U8)
    fail(SSP_E_ARGUMENT, fmt::format("its dtype is {}; images are SSP_U8 ({})", mine.dtype, int{SSP_U8}));
  return mine;
}

ssp_status info(const ssp_sample* sample, ssp_sample_info* out) {
  return function(sample, "info", [&] {
    const data::Sample& s = sample->sample;
    ssp_sample_info i{};
    i.struct_size = sizeof i;
    i.images = static_cast<uint32_t>(s.views.size());
    i.index = s.index;
    i.label = s.label;
    i.epoch = s.epoch;
    write_out(i, out, "the ssp_sample_info");
  });
}

ssp_status shape(const ssp_sample* sample, uint32_t i, ssp_image* out) {
  return function(sample, "shape",
                  [&] { write_out(described(checked_view(*sample, i).shape(), nullptr), out, "the ssp_image"); });
}

ssp_status edit(ssp_sample* sample, uint32_t i, const ssp_edit* edits, uint32_t n) {
  return function(sample, "edit", [&] {
    data::View& view = checked_view(*sample, i);
    require(edits != nullptr || n == 0, SSP_E_ARGUMENT, "edits is null");
    for (uint32_t k = 0; k < n; ++k) {
      const std::string_view name = data::name_of(edits[k].kind);
      if (!name.empty() && !sample->kinds.test(edits[k].kind)) {
        fail(SSP_E_PRECONDITION,
             fmt::format("edit {} of image {} is {} (kind {}), which this transform did not ask for; "
                         "name the kind in ssp.edit's need, in create (in `edits` of a C++ transform)",
                         k, i, name, edits[k].kind));
      }
      try {
        view.append(edits[k]);
      } catch (const std::invalid_argument& e) {
        fail(SSP_E_ARGUMENT, fmt::format("edit {} of image {}: {}", k, i, e.what()));
      }
    }
  });
}

ssp_status get(ssp_sample* sample, uint32_t i, ssp_image* out) {
  return function(sample, "get", [&] {
    write_out(described(checked_view(*sample, i).pixels()), out, "the ssp_image");
    sample->lent.insert(i);
  });
}

// For one more image.
void check_room(const ssp_sample& s) {
  if (s.sample.views.size() + s.made.size() >= kMaxImages) {
    fail(SSP_E_PRECONDITION, fmt::format("the sample has {} images and {} of alloc that were not given back; there may "
                                         "be {} together",
                                         s.sample.views.size(), s.made.size(), kMaxImages));
  }
}

ssp_status alloc(ssp_sample* sample, ssp_image* out) {
  return function(sample, "alloc", [&] {
    const ssp_image wanted = given(out);
    if (wanted.height < 1 || wanted.width < 1 || (wanted.channels != 1 && wanted.channels != 3)) {
      fail(SSP_E_ARGUMENT, fmt::format("{} x {} with {} channels; sides are 1 or more, channels 1 or 3", wanted.height,
                                       wanted.width, wanted.channels));
    }
    check_room(*sample);
    data::Image image;
    try {
      data::check_image_size(wanted.height, wanted.width, data::kMaxImagePixels);
      image.reshape(wanted.height, wanted.width, static_cast<int>(wanted.channels));
    } catch (const data::BadImage& e) {
      fail(SSP_E_ARGUMENT, e.what());
    }
    write_out(described(sample->made.emplace_back(std::move(image))), out, "the ssp_image");
  });
}

// Takes what alloc made, known by its address.
data::Image take_made(ssp_sample& s, const ssp_image* image) {
  const ssp_image back = given(image);
  for (auto it = s.made.begin(); it != s.made.end(); ++it) {
    if (it->pixels.data() != back.data) continue;
    if (it->height != back.height || it->width != back.width || it->channels != static_cast<int>(back.channels)) {
      fail(SSP_E_ARGUMENT,
           fmt::format("the image was made {} x {} with {} channels and is given as {} x {} with {}; leave what alloc "
                       "filled in as it is",
                       it->height, it->width, it->channels, back.height, back.width, back.channels));
    }
    data::Image taken = std::move(*it);
    s.made.erase(it);
    return taken;
  }
  fail(SSP_E_ARGUMENT, "the image was not made by alloc in this apply, or was given away already");
}

ssp_status replace(ssp_sample* sample, uint32_t i, const ssp_image* image) {
  return function(sample, "replace", [&] {
    data::View& view = checked_view(*sample, i);
    view.replace(take_made(*sample, image));
  });
}

ssp_status append(ssp_sample* sample, const ssp_image* image) {
  return function(sample, "append", [&] { sample->sample.views.emplace_back(take_made(*sample, image)); });
}

ssp_status append_copy(ssp_sample* sample, uint32_t i) {
  return function(sample, "append_copy", [&] {
    data::View copy = checked_view(*sample, i);
    check_room(*sample);
    if (sample->lent.count(i) != 0) copy.pixels();  // what is written to the lent ones is not to change these
    sample->sample.views.push_back(std::move(copy));
  });
}

constexpr std::pair<int32_t, data::FieldType> kFieldTypes[] = {
    {SSP_F32, data::FieldType::f32}, {SSP_F64, data::FieldType::f64}, {SSP_I64, data::FieldType::i64},
    {SSP_I32, data::FieldType::i32}, {SSP_U8, data::FieldType::u8},   {SSP_BOOL, data::FieldType::boolean}};

data::FieldType field_type(int32_t dtype) {
  for (const auto& [number, type] : kFieldTypes)
    if (number == dtype) return type;
  fail(SSP_E_ARGUMENT, fmt::format("the dtype is {}; fields are f32, f64, i64, i32, u8 or bool", dtype));
}

int32_t dtype_of(data::FieldType type) {
  for (const auto& [number, known] : kFieldTypes)
    if (known == type) return number;
  return 0;
}

void check_field(const ssp_sample& s, std::string_view name, int32_t of_view) {
  const auto images = static_cast<int64_t>(s.sample.views.size());
  if (of_view < -1 || of_view >= images) {
    fail(SSP_E_ARGUMENT,
         fmt::format("'{}': view {}; expected -1 for the sample or an image below {}", name, of_view, images));
  }
}

ssp_status set_field(ssp_sample* sample, ssp_str text, int32_t of_view, int32_t dtype, const int64_t* sizes,
                     uint32_t ndim, const void* bytes) {
  return function(sample, "set_field", [&] {
    data::Field field{std::string(view(text)), of_view, field_type(dtype), {}, {}};
    if (field.name.empty() || field.name == "sample_index" || field.name == "label") {
      fail(SSP_E_ARGUMENT, fmt::format("the name '{}' is not free: sample_index and label are the host's", field.name));
    }
    check_field(*sample, field.name, of_view);
    if (ndim > 8 || (sizes == nullptr && ndim > 0)) {
      fail(SSP_E_ARGUMENT, fmt::format("'{}': {} dimensions{}; at most 8", field.name, ndim,
                                       sizes == nullptr ? " and sizes is null" : ""));
    }
    uint64_t n = data::size_of(field.type);
    bool empty = false;  // the other sizes of an empty field are bounded all the same
    for (uint32_t i = 0; i < ndim; ++i) {
      empty = empty || sizes[i] == 0;
      const auto size = static_cast<uint64_t>(std::max(sizes[i], int64_t{1}));
      if (sizes[i] < 0 || __builtin_mul_overflow(n, size, &n) || n > kMaxFieldBytes) {
        fail(SSP_E_ARGUMENT, fmt::format("'{}': size {} of dimension {}; a field has 0 to {} bytes", field.name,
                                         sizes[i], i, kMaxFieldBytes));
      }
      field.sizes.push_back(sizes[i]);
    }
    if (empty) n = 0;
    if (bytes == nullptr && n > 0) fail(SSP_E_ARGUMENT, fmt::format("'{}': data is null", field.name));
    const auto* first = static_cast<const std::byte*>(bytes);
    field.bytes.assign(first, first + n);
    for (data::Field& old : sample->sample.fields) {
      if (old.name != field.name || old.view != of_view) continue;
      sample->replaced.push_back(std::exchange(old, std::move(field)));
      return;
    }
    sample->sample.fields.push_back(std::move(field));
  });
}

ssp_status get_field(const ssp_sample* sample, ssp_str name, int32_t of_view, ssp_field* out) {
  return function(sample, "get_field", [&] {
    check_field(*sample, view(name), of_view);
    ssp_field found{};
    found.struct_size = sizeof found;
    if (const data::Field* field = sample->sample.find_field(view(name), of_view)) {
      found.ndim = static_cast<uint32_t>(field->sizes.size());
      found.dtype = dtype_of(field->type);
      found.sizes = field->sizes.data();
      found.data = field->bytes.data();
    }
    write_out(found, out, "the ssp_field");
  });
}

// It has no status: of a sample that is not the one in progress it draws 0.
uint64_t random64(ssp_sample* sample, uint32_t of_view) {
  if (sample == nullptr || sample != t_current) return 0;
  const auto [stream, fresh] = sample->streams.try_emplace(of_view, sample->random.stream_of(of_view));
  return stream->second.next();
}

}  // namespace

const ssp_sample_api sample_api = {sizeof(ssp_sample_api),
                                   0,
                                   info,
                                   shape,
                                   edit,
                                   get,
                                   alloc,
                                   replace,
                                   append,
                                   append_copy,
                                   set_field,
                                   get_field,
                                   random64};

SampleScope::SampleScope(data::Sample& sample, const data::SampleRandom& random, EditKinds kinds)
    : it_{sample, random, kinds}, outer_(t_current) {
  t_current = &it_;
}

SampleScope::~SampleScope() { t_current = outer_; }

}  // namespace selfsup::bridge
