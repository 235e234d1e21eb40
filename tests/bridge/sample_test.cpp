// The functions that a transform of a plugin has for its sample, each called rightly and wrongly.
#include "bridge/tables/sample.h"

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

using Catch::Contains;

constexpr ssp_edit kInvert = {SSP_EDIT_INVERT, 0, {}};
constexpr ssp_edit kHalve = {SSP_EDIT_CROP_RESIZE, SSP_EDIT_NEAREST, {0, 0, 4, 6, 2, 3}};

// A sample inside an apply, of one image of 4 x 6 pixels of value 10.
struct Applied {
  explicit Applied(EditKinds kinds = EditKinds().set()) : random(1, 2, 7), scope(filled(sample), random, kinds) {}
  static data::Sample& filled(data::Sample& sample) {
    data::Image& image = sample.start(7, 3, 2);
    image.reshape(4, 6, 3);
    std::fill(image.pixels.begin(), image.pixels.end(), uint8_t{10});
    return sample;
  }
  ssp_sample* get() { return scope.get(); }

  data::Sample sample;
  data::SampleRandom random;
  SampleScope scope;
};

const ssp_sample_api& api = sample_api;

ssp_image asked(int64_t height, int64_t width, uint32_t channels, int32_t dtype = SSP_U8) {
  ssp_image image = sized<ssp_image>();
  image.height = height, image.width = width, image.channels = channels, image.dtype = dtype;
  return image;
}

}  // namespace

TEST_CASE("a sample tells what it is") {
  Applied a;
  auto info = sized<ssp_sample_info>();
  REQUIRE(api.info(a.get(), &info) == SSP_OK);
  CHECK(info.images == 1);
  CHECK(info.index == 7);
  CHECK(info.label == 3);
  CHECK(info.epoch == 2);
  CHECK(info.struct_size == sizeof info);
  // Of a plugin that knows less, no more is written than it has room for.
  auto older = sized<ssp_sample_info>();
  older.struct_size = offsetof(ssp_sample_info, label);
  older.label = 99;
  REQUIRE(api.info(a.get(), &older) == SSP_OK);
  CHECK(older.index == 7);
  CHECK(older.label == 99);
  CHECK(api.info(a.get(), nullptr) == SSP_E_ARGUMENT);
}

TEST_CASE("edits change the shape at once, and the pixels when somebody asks") {
  Applied a;
  REQUIRE(api.edit(a.get(), 0, &kHalve, 1) == SSP_OK);
  REQUIRE(api.edit(a.get(), 0, &kInvert, 1) == SSP_OK);
  auto image = sized<ssp_image>();
  REQUIRE(api.shape(a.get(), 0, &image) == SSP_OK);
  CHECK(image.data == nullptr);
  CHECK(image.height == 2);
  CHECK(image.width == 3);
  CHECK(image.channels == 3);
  CHECK(image.dtype == SSP_U8);
  CHECK(a.sample.views[0].edits().size() == 2);
  REQUIRE(api.append_copy(a.get(), 0) == SSP_OK);
  CHECK(a.sample.views[1].edits().size() == 2);
  REQUIRE(api.edit(a.get(), 1, &kInvert, 1) == SSP_OK);
  image = sized<ssp_image>();
  REQUIRE(api.get(a.get(), 0, &image) == SSP_OK);
  CHECK(static_cast<uint8_t*>(image.data)[17] == 245);
  CHECK(image.row_stride == 9);
  CHECK(a.sample.views[0].edits().empty());
  CHECK(a.sample.views[1].edits().size() == 3);
  auto other = sized<ssp_image>();
  REQUIRE(api.get(a.get(), 1, &other) == SSP_OK);
  CHECK(static_cast<uint8_t*>(other.data)[17] == 10);

  // Pixels that were lent stay the image's own.
  REQUIRE(api.append_copy(a.get(), 0) == SSP_OK);
  static_cast<uint8_t*>(image.data)[0] = 1;
  CHECK(a.sample.views[2].image().pixels[0] == 245);
  CHECK(a.sample.views[0].image().pixels[0] == 1);
}

TEST_CASE("what an edit may not be is told with its place") {
  Applied a(EditKinds().set(SSP_EDIT_INVERT).set(SSP_EDIT_CONTRAST));
  CHECK(api.edit(a.get(), 4, &kInvert, 1) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("sample.edit: there is no image 4; the sample has 1"));
  CHECK(api.edit(a.get(), 0, nullptr, 1) == SSP_E_ARGUMENT);
  CHECK(api.edit(a.get(), 0, nullptr, 0) == SSP_OK);
  CHECK(api.edit(a.get(), 0, &kHalve, 1) == SSP_E_PRECONDITION);
  CHECK_THAT(error_text(), Contains("crop_resize (kind 13)") && Contains("ssp.edit"));
  const ssp_edit wrong[] = {kInvert, {SSP_EDIT_CONTRAST, 0, {-1}}};
  CHECK(api.edit(a.get(), 0, wrong, 2) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("sample.edit: edit 1 of image 0: contrast: v[0] is -1"));
  const ssp_edit unknown = {77, 0, {}};
  CHECK(api.edit(a.get(), 0, &unknown, 1) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("kind 77"));
}

TEST_CASE("images are made, given once, and given as they were made") {
  Applied a;
  for (const ssp_image& wrong : {asked(0, 5, 3), asked(5, 70000, 3), asked(60000, 60000, 3), asked(-1, 5, 3),
                                 asked(5, 5, 2), asked(5, 5, 3, SSP_F32)}) {
    ssp_image image = wrong;
    CHECK(api.alloc(a.get(), &image) == SSP_E_ARGUMENT);
    CHECK_THAT(error_text(), Contains("sample.alloc: "));
  }
  ssp_image image = asked(2, 2, 1);
  REQUIRE(api.alloc(a.get(), &image) == SSP_OK);
  std::memset(image.data, 5, 4);
  ssp_image larger = image;
  larger.height = 3;
  CHECK(api.replace(a.get(), 0, &larger) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("made 2 x 2 with 1 channels and is given as 3 x 2"));
  CHECK(api.replace(a.get(), 1, &image) == SSP_E_ARGUMENT);
  REQUIRE(api.edit(a.get(), 0, &kInvert, 1) == SSP_OK);
  REQUIRE(api.replace(a.get(), 0, &image) == SSP_OK);  // its edits are gone
  CHECK(a.sample.views[0].image().pixels == std::vector<uint8_t>(4, 5));
  CHECK(api.append(a.get(), &image) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("given away already"));
  CHECK(api.append_copy(a.get(), 9) == SSP_E_ARGUMENT);
}

TEST_CASE("a sample has a bounded number of images") {
  Applied a;
  ssp_image image = asked(1, 1, 1);
  for (int i = 0; i < 400; ++i) REQUIRE(api.alloc(a.get(), &image) == SSP_OK);
  REQUIRE(api.append(a.get(), &image) == SSP_OK);
  for (int i = 0; i < 599; ++i) REQUIRE(api.append_copy(a.get(), 0) == SSP_OK);
  CHECK(api.append_copy(a.get(), 0) == SSP_E_PRECONDITION);
  CHECK_THAT(error_text(),
             Contains("sample.append_copy: the sample has 601 images and 399 of alloc that were not given "
                      "back; there may be 1000 together"));
  CHECK(api.alloc(a.get(), &image) == SSP_E_PRECONDITION);
}

TEST_CASE("an image with edits that nobody has drawn is copied, got, edited and replaced in any order") {
  Applied a;
  REQUIRE(api.edit(a.get(), 0, &kInvert, 1) == SSP_OK);
  REQUIRE(api.append_copy(a.get(), 0) == SSP_OK);
  REQUIRE(api.append_copy(a.get(), 1) == SSP_OK);  // a copy of a copy
  REQUIRE(api.edit(a.get(), 1, &kInvert, 1) == SSP_OK);
  auto image = sized<ssp_image>();
  const auto first = [&](uint32_t i) {
    REQUIRE(api.get(a.get(), i, &image) == SSP_OK);
    return static_cast<uint8_t*>(image.data)[0];
  };
  CHECK(first(1) == 10);
  CHECK(first(0) == 245);
  static_cast<uint8_t*>(image.data)[0] = 1;
  REQUIRE(api.edit(a.get(), 0, &kInvert, 1) == SSP_OK);
  CHECK(first(0) == 254);
  CHECK(first(0) == 254);
  CHECK(first(2) == 245);
  REQUIRE(api.edit(a.get(), 2, &kHalve, 1) == SSP_OK);
  ssp_image other = asked(9, 9, 1);
  REQUIRE(api.alloc(a.get(), &other) == SSP_OK);
  REQUIRE(api.replace(a.get(), 2, &other) == SSP_OK);
  REQUIRE(api.shape(a.get(), 2, &image) == SSP_OK);
  CHECK(image.height == 9);
  CHECK(first(1) == 10);
}

TEST_CASE("fields belong to the sample or to an image of it, and can be asked for") {
  Applied a;
  const float box[2] = {1.5f, 2.5f};
  const int64_t two = 2, huge = int64_t{1} << 40;
  REQUIRE(api.set_field(a.get(), text("box"), 0, SSP_F32, &two, 1, box) == SSP_OK);
  auto field = sized<ssp_field>();
  REQUIRE(api.get_field(a.get(), text("box"), 0, &field) == SSP_OK);
  CHECK(field.dtype == SSP_F32);
  REQUIRE(field.ndim == 1);
  CHECK(field.sizes[0] == 2);
  CHECK(static_cast<const float*>(field.data)[1] == 2.5f);
  // What was handed out stays until apply returns, even if another value takes its place.
  const float next[2] = {8, 9};
  REQUIRE(api.set_field(a.get(), text("box"), 0, SSP_F32, &two, 1, next) == SSP_OK);
  CHECK(static_cast<const float*>(field.data)[1] == 2.5f);
  field = sized<ssp_field>();
  REQUIRE(api.get_field(a.get(), text("box"), 0, &field) == SSP_OK);
  CHECK(static_cast<const float*>(field.data)[1] == 9);
  field = sized<ssp_field>();
  REQUIRE(api.get_field(a.get(), text("box"), -1, &field) == SSP_OK);
  CHECK(field.dtype == 0);

  CHECK(api.set_field(a.get(), text("box"), 1, SSP_F32, &two, 1, box) == SSP_E_ARGUMENT);
  CHECK_THAT(error_text(), Contains("sample.set_field: 'box': view 1"));
  CHECK(api.get_field(a.get(), text("box"), -2, &field) == SSP_E_ARGUMENT);
  CHECK(api.set_field(a.get(), text("label"), -1, SSP_F32, &two, 1, box) == SSP_E_ARGUMENT);
  CHECK(api.set_field(a.get(), text(""), -1, SSP_F32, &two, 1, box) == SSP_E_ARGUMENT);
  CHECK(api.set_field(a.get(), text("x"), -1, SSP_F16, &two, 1, box) == SSP_E_ARGUMENT);
  CHECK(api.set_field(a.get(), text("x"), -1, SSP_F32, &huge, 1, box) == SSP_E_ARGUMENT);
  CHECK(api.set_field(a.get(), text("x"), -1, SSP_F32, nullptr, 1, box) == SSP_E_ARGUMENT);
  CHECK(api.set_field(a.get(), text("x"), -1, SSP_F32, &two, 9, box) == SSP_E_ARGUMENT);
  for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{0, huge}, {huge, 0}, {0, -1}})
    CHECK(api.set_field(a.get(), text("x"), -1, SSP_F32, sizes.data(), 2, box) == SSP_E_ARGUMENT);
  CHECK(api.set_field(a.get(), text("x"), -1, SSP_F32, &two, 1, nullptr) == SSP_E_ARGUMENT);
  CHECK(a.sample.fields.size() == 1);

  const int64_t none[] = {3, 0, 5};
  for (const int32_t dtype : {SSP_F32, SSP_F64, SSP_I64, SSP_I32, SSP_U8, SSP_BOOL}) {
    REQUIRE(api.set_field(a.get(), text("none"), -1, dtype, none, 3, nullptr) == SSP_OK);
    REQUIRE(api.get_field(a.get(), text("none"), -1, &field) == SSP_OK);
    CHECK(field.dtype == dtype);
    CHECK(field.ndim == 3);
    CHECK(a.sample.fields.at(1).bytes.empty());
  }
}

TEST_CASE("each view has a stream of random numbers of its own") {
  std::vector<uint64_t> apart, mixed;
  {
    Applied a;
    for (int i = 0; i < 3; ++i) apart.push_back(api.random64(a.get(), 0));
    for (int i = 0; i < 3; ++i) apart.push_back(api.random64(a.get(), 1));
  }
  {
    Applied a;  // what one view draws moves no other
    mixed.resize(6);
    for (size_t i = 0; i < 3; ++i) {
      mixed[3 + i] = api.random64(a.get(), 1);
      mixed[i] = api.random64(a.get(), 0);
    }
  }
  CHECK(apart == mixed);
  CHECK(std::set<uint64_t>(apart.begin(), apart.end()).size() == 6);
  Applied a;  // an image that is still to be appended has its stream already
  CHECK(api.random64(a.get(), 1) == apart[3]);
  CHECK(api.random64(a.get(), UINT32_MAX) != api.random64(a.get(), UINT32_MAX));
}

TEST_CASE("a sample is for the apply that got it") {
  ssp_sample* kept = nullptr;
  {
    Applied a;
    kept = a.get();
  }
  Applied other;
  auto info = sized<ssp_sample_info>();
  auto image = sized<ssp_image>();
  auto field = sized<ssp_field>();
  if (kept != other.get()) {
    CHECK(api.info(kept, &info) == SSP_E_PRECONDITION);
    CHECK_THAT(error_text(), Contains("sample.info: this ssp_sample is not the one of the apply in progress"));
  }
  CHECK(api.shape(nullptr, 0, &image) == SSP_E_PRECONDITION);
  CHECK(api.edit(nullptr, 0, &kInvert, 1) == SSP_E_PRECONDITION);
  CHECK(api.get(nullptr, 0, &image) == SSP_E_PRECONDITION);
  CHECK(api.get_field(nullptr, text("x"), 0, &field) == SSP_E_PRECONDITION);
  CHECK(api.random64(nullptr, 0) == 0);

  ssp_status status = SSP_OK;
  std::thread([&] { status = api.edit(other.get(), 0, &kInvert, 1); }).join();
  CHECK(status == SSP_E_PRECONDITION);
  CHECK(other.sample.views[0].edits().empty());
}

TEST_CASE("edit.need is for transforms") {
  Host host;
  plugin::Registry registry(host.table());
  BuildWindow window(host, registry, "{}");
  const auto& edits = extension<ssp_edits>(host, SSP_EXT_EDIT);
  const uint32_t kind = SSP_EDIT_INVERT;
  CHECK(edits.need(window.get(), &kind, 1) == SSP_E_PRECONDITION);
  CHECK_THAT(error_text(), Contains("only in the create of a transform"));
  CHECK(edits.need(nullptr, &kind, 1) == SSP_E_ARGUMENT);
}

}  // namespace selfsup::bridge::testing
