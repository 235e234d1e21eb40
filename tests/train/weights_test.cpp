#include "train/weights.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <vector>

#include "base/errors.h"
#include "checkpoint/safetensors.h"
#include "toy_run.h"
#include "train/state_dict.h"

namespace selfsup::train {
namespace {

constexpr uint32_t role_embedding = 4;

struct Model {
  model::ParameterStore store;
  at::Tensor& add(const std::string& name, at::IntArrayRef sizes, model::Kind kind = model::Kind::parameter,
                  uint32_t roles = 0, at::ScalarType dtype = at::kFloat) {
    model::Entry entry;
    entry.name = name;
    entry.kind = kind;
    entry.roles = roles;
    model::Entry& made = store.declare(entry, sizes, dtype);
    made.tensor.fill_(-1);
    return made.tensor;
  }
};

class File {
 public:
  explicit File(const StateDict& tensors) : folder_(test::fresh_folder()) {
    std::vector<checkpoint::TensorView> views;
    for (const auto& [name, tensor] : tensors) views.push_back(to_view(name, tensor));
    checkpoint::write_safetensors(path(), views);
  }
  ~File() { std::filesystem::remove_all(folder_); }
  std::string path() const { return (folder_ / "weights.safetensors").string(); }

 private:
  std::filesystem::path folder_;
};

exchange::NamePairs no_names(const std::string&) { return {}; }

LoadReport load(Model& model, const StateDict& tensors, const ExportNames& names = no_names, const Sides& images = {},
                const std::string& component = "") {
  const File file(tensors);
  return load_weights(model.store, exchange::open_weights(file.path()), names, images, component);
}

}  // namespace

TEST_CASE("below nine tensors of ten of a component nothing is taken, and the list is told") {
  for (const int64_t there : {8, 9, 10}) {
    Model model;
    StateDict file;
    for (int64_t i = 0; i < 10; ++i) model.add("net." + std::to_string(i), {2});
    model.add("net.counter", {}, model::Kind::buffer, 0, at::kLong);  // of no floating point: does not count
    model.add("head.weight", {2});
    for (int64_t i = 0; i < there; ++i) file.emplace_back("net." + std::to_string(i), at::full({2}, 3.0));
    INFO(there);
    if (there == 8) {
      CHECK_THROWS_WITH(load(model, file),
                        Catch::Contains("8 of 10") && Catch::Contains("90 %") && Catch::Contains("missing: net.9"));
      for (const model::Entry& entry : model.store.entries()) CHECK(entry.tensor.eq(-1).all().item<bool>());
    } else {
      const LoadReport report = load(model, file);
      CHECK(report.names.matched.size() == static_cast<size_t>(there));
      CHECK(report.untouched == std::vector<std::pair<std::string, size_t>>{{"head", 1}});
      CHECK(model.store.find("net.0")->tensor.eq(3).all().item<bool>());
      CHECK(model.store.find("head.weight")->tensor.eq(-1).all().item<bool>());
    }
  }
}

TEST_CASE("names of another format, a prefix and another element type are taken") {
  Model model;
  model.add("backbone.a", {2, 3});
  model.add("backbone.b", {2});
  const at::Tensor a = at::arange(6, at::kDouble).reshape({2, 3}), b = at::tensor({0.5f, 2.0f}).to(at::kHalf);
  const LoadReport report =
      load(model, {{"module.x.a", a}, {"module.x.b", b}, {"module.fc", b}}, [](const std::string& format) {
        return format == "timm" ? exchange::NamePairs{{"backbone.a", "x.a"}, {"backbone.b", "x.b"}}
                                : exchange::NamePairs{};
      });
  CHECK(report.format == "timm");
  CHECK(report.prefix == "module.");
  CHECK(report.names.unexpected == std::vector<std::string>{"module.fc"});
  CHECK(at::equal(model.store.find("backbone.a")->tensor, a.to(at::kFloat)));
  CHECK(at::equal(model.store.find("backbone.b")->tensor, b.to(at::kFloat)));
}

TEST_CASE("another shape is refused, and so is a file of something else") {
  Model model;
  model.add("net.a", {2, 3});
  model.add("net.b", {2});
  CHECK_THROWS_WITH(load(model, {{"net.a", at::zeros({3, 2})}, {"net.b", at::zeros({2})}}),
                    Catch::Contains("net.a: wanted F32[2, 3], the file has F32[3, 2]"));
  CHECK(model.store.find("net.b")->tensor.eq(-1).all().item<bool>());
  CHECK_THROWS_WITH(load(model, {{"other", at::zeros({2})}}), Catch::Contains("does not fit"));
}

TEST_CASE("positions of another image size: fixed ones stay, trained ones are interpolated, others are refused") {
  // Rows and columns of the grid, numbered, and a class token before it.
  const auto numbered = [](const at::Tensor& numbers) {
    const int64_t side = numbers.size(0);
    const at::Tensor grid =
        at::stack({numbers.unsqueeze(1).expand({side, side}), numbers.unsqueeze(0).expand({side, side})}, -1);
    return at::cat({at::full({1, 1, 2}, 7.0), grid.reshape({1, side * side, 2})}, 1).to(at::kFloat);
  };
  Model model;
  at::Tensor& fixed = model.add("net.fixed", {1, 65, 2}, model::Kind::frozen, role_embedding);
  at::Tensor& trained = model.add("net.trained", {1, 65, 2}, model::Kind::parameter, role_embedding);
  const LoadReport report =
      load(model, {{"net.fixed", numbered(at::arange(4))}, {"net.trained", numbered(at::arange(4))}});
  CHECK(report.made_anew == std::vector<std::string>{"net.fixed"});
  CHECK(report.interpolated == std::vector<std::string>{"net.trained (4 x 4 to 8 x 8)"});
  CHECK_THAT(report.text(), Catch::Contains("net.fixed") && Catch::Contains("interpolated: net.trained"));
  CHECK(fixed.eq(-1).all().item<bool>());
  // Cubic convolution with a = -0.75, at half the distance of the numbers; the border repeats itself.
  std::vector<double> expected;
  for (int64_t i = 0; i < 8; ++i) {
    const double place = (static_cast<double>(i) + 0.5) / 2 - 0.5, left = std::floor(place), t = place - left,
                 a = -0.75;
    const auto near = [a](double d) { return (a + 2) * d * d * d - (a + 3) * d * d + 1; };
    const auto far = [a](double d) { return a * (d * d * d - 5 * d * d + 8 * d - 4); };
    const double weights[] = {far(t + 1), near(t), near(1 - t), far(2 - t)};
    expected.push_back(0);
    for (int k = 0; k < 4; ++k) expected.back() += weights[k] * std::clamp(left - 1 + k, 0.0, 3.0);
  }
  CHECK((trained - numbered(at::tensor(expected))).abs().max().item<double>() < 1e-5);

  for (const int64_t rows : {1, 12, 66}) {  // no square, with or without a token
    INFO(rows);
    CHECK_THROWS_AS(load(model, {{"net.fixed", numbered(at::arange(8))}, {"net.trained", at::zeros({1, rows, 2})}}),
                    Error);
  }
  // A fixed one is made for the model, of whatever shape the file's grid was.
  CHECK(
      load(model, {{"net.fixed", at::zeros({1, 13, 2})}, {"net.trained", numbered(at::arange(8))}}).made_anew.size() ==
      1);
  Model plain;
  plain.add("net.table", {1, 65, 2});  // no table of positions
  CHECK_THROWS_AS(load(plain, {{"net.table", numbered(at::arange(4))}}), Error);
}

TEST_CASE("trained positions of images that are no squares are interpolated on their grids") {
  // Linear in row and column. Away from the borders cubic convolution with a = -0.75 keeps that to a tenth of a cell.
  const auto numbered = [](int64_t height, int64_t width) {
    const at::Tensor rows = (at::arange(height).to(at::kFloat) + 0.5) / static_cast<double>(height),
                     columns = (at::arange(width).to(at::kFloat) + 0.5) / static_cast<double>(width);
    const at::Tensor grid =
        at::stack({rows.unsqueeze(1).expand({height, width}), columns.unsqueeze(0).expand({height, width})}, -1);
    return at::cat({at::full({1, 1, 2}, 7.0), grid.reshape({1, height * width, 2})}, 1).to(at::kFloat);
  };
  struct Case {
    int64_t from_h, from_w, to_h, to_w;
    const char* text;
  };
  // From a square, as pretrained models have it; from the images' own ratio, larger and smaller.
  for (const auto& [from_h, from_w, to_h, to_w, text] : {Case{16, 16, 12, 20, "(16 x 16 to 12 x 20)"},
                                                         {12, 20, 24, 40, "(12 x 20 to 24 x 40)"},
                                                         {24, 40, 12, 20, "(24 x 40 to 12 x 20)"}}) {
    INFO(text);
    Model model;
    const at::Tensor& trained =
        model.add("net.trained", {1, 1 + to_h * to_w, 2}, model::Kind::parameter, role_embedding);
    const LoadReport report = load(model, {{"net.trained", numbered(from_h, from_w)}}, no_names, {96, 160});
    CHECK(report.interpolated == std::vector<std::string>{std::string("net.trained ") + text});
    const auto inner = [&](const at::Tensor& table) {
      return table.narrow(1, 1, to_h * to_w).reshape({to_h, to_w, 2}).narrow(0, 4, to_h - 8).narrow(1, 4, to_w - 8);
    };
    CHECK((inner(trained) - inner(numbered(to_h, to_w))).abs().max().item<double>() < 0.006);
  }
  Model model;
  model.add("net.trained", {1, 1 + 12 * 20, 2}, model::Kind::parameter, role_embedding);
  CHECK_THROWS_AS(load(model, {{"net.trained", numbered(10, 20)}}, no_names, {96, 160}), Error);  // another ratio
  CHECK_THROWS_AS(load(model, {{"net.trained", numbered(16, 16)}}), Error);  // the own images' ratio is not known
}

TEST_CASE("trained positions that this run holds still are interpolated like others") {
  Model model;
  const at::Tensor& table = model.add("net.trained", {1, 64, 2}, model::Kind::frozen, role_embedding);
  model.store.find("net.trained")->held = true;
  CHECK(load(model, {{"net.trained", at::full({1, 16, 2}, 5.0)}}).interpolated.size() == 1);
  CHECK(table.eq(5).all().item<bool>());
}

TEST_CASE("one component is filled where that is asked for, whatever else the file holds") {
  const StateDict file = {{"net.a", at::full({2}, 3.0)}, {"head.b", at::full({2}, 4.0)}};
  Model model;
  model.add("net.a", {2});
  model.add("head.b", {2});
  CHECK(load(model, file, no_names, {}, "net").names.matched == std::vector<std::string>{"net.a"});
  CHECK(model.store.find("net.a")->tensor.eq(3).all().item<bool>());
  CHECK(model.store.find("head.b")->tensor.eq(-1).all().item<bool>());
  CHECK_THROWS_WITH(load(model, {{"head.b", at::zeros({2})}}, no_names, {}, "net"), Catch::Contains("does not fit"));
}

}  // namespace selfsup::train
