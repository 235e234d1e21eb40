#include "exchange/torch_file.h"

#include <catch2/catch.hpp>
#include <map>

#include "checkpoint/safetensors.h"
#include "files.h"

namespace selfsup::exchange {
namespace {

using namespace testing;

const std::filesystem::path recorded = SELFSUP_TEST_DATA;

const TempDir& dir() {
  static const TempDir dir;
  return dir;
}

// What opening a file of these bytes, and looking at all of its tensors, says; "" for nothing.
std::string refusal(const std::string& bytes) {
  const std::string path = dir().file("a.pth", bytes);
  try {
    const Weights weights = open_weights(path);
    for (const WeightTensor& tensor : weights.tensors) weights.source->data(tensor);
  } catch (const Error& error) {
    CHECK(error.exit() == Exit::checkpoint);
    CHECK(std::string(error.what()).find(path) != std::string::npos);
    return error.what();
  }
  return "";
}

Catch::Matchers::StdString::ContainsMatcher says(const std::string& text) { return Catch::Contains(text); }

// The elements in row-major order, as bytes.
std::string dense(const Weights& weights, const WeightTensor& tensor) {
  const size_t element = checkpoint::dtype_bytes(tensor.dtype);
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  std::string out;
  for (int64_t i = 0; i < count; ++i) {
    int64_t left = i, at = 0;
    for (size_t d = tensor.shape.size(); d-- > 0; left /= tensor.shape[d])
      at += left % tensor.shape[d] * tensor.strides[d];
    out.append(static_cast<const char*>(weights.source->data(tensor)) + static_cast<size_t>(at) * element, element);
  }
  return out;
}

}  // namespace

TEST_CASE("what torch.save writes today and what it wrote before 1.6 is read, bit for bit") {
  const checkpoint::SafetensorsFile expected((recorded / "torch_file.safetensors").string());
  REQUIRE(expected.tensors().size() == 9);
  for (const char* name : {"torch_file.pth", "torch_file_old.pth"}) {
    INFO(name);
    const Weights weights = open_weights((recorded / name).string());
    CHECK(weights.ignored == "meta, message_hub, optimizer");
    REQUIRE(weights.tensors.size() == expected.tensors().size());
    for (const WeightTensor& tensor : weights.tensors) {
      INFO(tensor.name);
      const checkpoint::TensorView* view = expected.find(tensor.name);
      REQUIRE(view);
      CHECK(tensor.dtype == view->dtype);
      CHECK(tensor.shape == view->shape);
      CHECK(dense(weights, tensor) == std::string(static_cast<const char*>(view->data), view->bytes));
    }
  }
}

TEST_CASE("a tensor may be any part of its storage, and nothing beyond it") {
  const auto of = [](int64_t offset, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
    return refusal(archive(pickled(tensor(storage(6), offset, shape, strides))));
  };
  CHECK(of(0, {2, 3}, {3, 1}) == "");
  CHECK(of(0, {3, 2}, {1, 3}) == "");
  CHECK(of(5, {}, {}) == "");
  CHECK(of(0, {0, 5}, {5, 1}) == "");
  CHECK(of(1, {3}, {2}) == "");
  constexpr int64_t huge = INT64_MAX;
  for (const auto& [offset, shape, strides] :
       std::vector<std::tuple<int64_t, std::vector<int64_t>, std::vector<int64_t>>>{{1, {6}, {1}},
                                                                                    {6, {}, {}},
                                                                                    {-1, {1}, {1}},
                                                                                    {0, {2}, {-1}},
                                                                                    {0, {2}, {6}},
                                                                                    {0, {-1}, {1}},
                                                                                    {huge, {2}, {huge}},
                                                                                    {0, {huge, huge}, {1, 1}},
                                                                                    {0, {huge}, {0}},
                                                                                    {0, {7}, {0}},
                                                                                    {0, {2, 2}, {huge, huge}},
                                                                                    {0, {2, 3}, {1}}}) {
    INFO(offset << " " << shape.size());
    CHECK_THAT(of(offset, shape, strides), says("tensor w: "));
  }
}

TEST_CASE("a storage has the bytes that it claims") {
  CHECK_THAT(refusal(archive(pickled(tensor(storage(7), 0, {6}, {1})))), says("7 elements"));
  CHECK_THAT(refusal(archive(pickled(tensor(storage(INT64_MAX), 0, {6}, {1})))), says("elements"));
  CHECK_THAT(refusal(archive(pickled(tensor(storage(6, "FloatStorage", "1"), 0, {6}, {1})))), says("storage 1"));
  CHECK_THAT(refusal(archive(pickled(tensor(storage(6, "ComplexFloatStorage"), 0, {6}, {1})))), says("dtype"));
  CHECK_THAT(refusal(archive(pickled(tensor(storage(-1), 0, {0}, {1})))), says("no storage"));
}

TEST_CASE("nothing but what weights are made of has a meaning, and nothing is run") {
  const std::string mark =
      (std::filesystem::temp_directory_path() / ("selfsup-test-was-run-" + std::to_string(::getpid()))).string();
  for (const auto& [module, name] : std::vector<std::pair<std::string, std::string>>{{"os", "system"},
                                                                                     {"posix", "system"},
                                                                                     {"builtins", "eval"},
                                                                                     {"builtins", "getattr"},
                                                                                     {"subprocess", "Popen"},
                                                                                     {"torch.hub", "load"},
                                                                                     {"torch", "load"},
                                                                                     {"runpy", "run_path"},
                                                                                     {"collections", "namedtuple"},
                                                                                     {"torchx", "Size"},
                                                                                     {"__builtin__", "exec"},
                                                                                     {"torch.jit", "FloatStorage"}}) {
    INFO(module << "." << name);
    CHECK_THAT(refusal(archive(pickled(global(module, name) + tuple({text("touch " + mark)}) + "R"))),
               says(module + "." + name) && says("nothing of it was run"));
    CHECK_THAT(refusal(archive(pickled(text(module) + text(name) + "\x93" + tuple({text(mark)}) + "R"))),
               says(module + "." + name));
  }
  CHECK_FALSE(std::filesystem::exists(mark));
  // Harmless ones stand beside the weights, whatever is done with them.
  const std::string good = text("w") + tensor(storage(6), 0, {6}, {1});
  const std::string odd = text("o") + global("argparse", "Namespace") + ")\x81}" + text("lr") + integer(1) + "sb";
  CHECK(refusal(archive("\x80\x02}(" + good + odd + "u.")) == "");
}

TEST_CASE("a pickle that is cut off, or does what none of torch.save does, is refused") {
  const std::string good = pickled(tensor(storage(6), 0, {6}, {1}));
  REQUIRE(refusal(archive(good)) == "");
  for (size_t length = 0; length < good.size(); ++length) CHECK(refusal(archive(good.substr(0, length))) != "");
  for (const std::string& bad :
       {std::string("."), std::string("0."), std::string("t."), std::string("a."), std::string("NR."),
        std::string("h\5."), std::string("(s."), std::string("Q."), std::string("\x82\1."), std::string("I1\n."),
        std::string("\x80\x09N."), std::string("N."), std::string("}."), std::string("(0.")})
    CHECK(refusal(archive(bad)) != "");
}

TEST_CASE("a pickle cannot make itself larger than the file") {
  // A list in itself, nested lists, and a memo used without end.
  CHECK(refusal(archive(std::string("\x80\x02]q\0h\0a.", 8))) != "");
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "]";
  for (int i = 1; i < 1'000'000; ++i) deep += "a";
  CHECK_THAT(refusal(archive(deep + ".")), says("no state_dict"));
  CHECK_THAT(refusal(archive(std::string(5'000'000, 'N') + ".")), says("values"));
  for (const char* one : {"(", "\x94", "2"}) {  // marks, values kept, the same value again
    std::string many = "N";
    for (int i = 0; i < 17'000'000; ++i) many += one;
    CHECK_THAT(refusal(archive(many + ".")), says("codes") || says("values"));
  }
  CHECK_THAT(refusal(archive("Nr" + le(UINT32_MAX) + ".")), says("keeps more values"));
  std::string big = "}q\1(";
  for (int i = 0; i < 100'000; ++i) big += "NN";
  big += "u" + global("collections", "OrderedDict") + "q\2";
  for (int i = 0; i < 1'000; ++i) big += "h\2h\1\x85R";
  CHECK_THAT(refusal(archive(big + ".")), says("dictionaries"));
  CHECK_THAT(refusal(archive(pickled(tensor(storage(6), 0, std::vector<int64_t>(17, 1), std::vector<int64_t>(17, 1))))),
             says("17 sizes"));
}

TEST_CASE("what the file says reaches no terminal as it is, nor at any length") {
  const std::string odd = "\x1b]0;title\a\n\xff";
  for (const std::string& text :
       {refusal(archive(pickled(tensor(storage(6, "FloatStorage", odd), 0, {6}, {1})))),
        refusal(zip({{"a/data.pkl", "N."}, {odd, ""}, {odd, ""}})),
        refusal(zip({{"a/data.pkl", "N."}, {std::string(60'000, 'x'), ""}, {std::string(60'000, 'x'), ""}})),
        refusal(archive("\x80\x02}" + text("\x1b[31m") + integer(3) + "s.")),
        refusal(archive(pickled(global("os\x1b", "system"))))}) {
    CHECK(text != "");
    CHECK(text.size() < 3000);
    CHECK(text.find_first_of("\x1b\a\n\xff") == text.npos);
  }
}

TEST_CASE("an archive that is damaged, packed too well or no file of torch.save is refused") {
  const std::string pickle = pickled(tensor(storage(6), 0, {6}, {1}));
  const std::string bytes(24, '\1');
  const std::string good = archive(pickle);
  for (size_t length = 0; length < good.size(); ++length) CHECK(refusal(good.substr(0, length)) != "");
  std::string flipped = good;
  flipped[flipped.find(bytes)] = '\2';
  CHECK_THAT(refusal(flipped), says("CRC"));
  CHECK(refusal(zip({{"a/data.pkl", pickle, true}, {"a/data/0", bytes, true}})) == "");
  const std::string bomb = pickled(tensor(storage(250'000'000), 0, {6}, {1}));
  CHECK_THAT(refusal(zip({{"a/data.pkl", bomb}, {"a/data/0", bytes, true, 1'000'000'000}})), says("claims to hold"));
  CHECK_THAT(refusal(zip({{"a/data.pkl", pickle}, {"a/data/0", bytes, true, 28}})), says("elements"));
  CHECK_THAT(refusal(zip({{"a/data.pkl", pickle + std::string(1'000'000, ' '), true}, {"a/data/0", bytes}})),
             says("claims"));
  CHECK_THAT(refusal(zip({{"a/data.pkl", pickle}, {"a/data/0", bytes}, {"a/data/0", bytes}})), says("two entries"));
  CHECK_THAT(refusal(zip({{"a/data.pkl", pickle}, {"a/constants.pkl", "N."}, {"a/data/0", bytes}})),
             says("TorchScript"));
  CHECK_THAT(refusal(zip({{"a/data.pkl", pickle}, {"a/byteorder", "big"}, {"a/data/0", bytes}})),
             says("little-endian"));
  CHECK_THAT(refusal(zip({{"readme.txt", "hello"}})), says("no data.pkl"));
  CHECK_THAT(refusal(zip({{"a/data.pkl", pickle}, {"b/data.pkl", pickle}, {"a/data/0", bytes}})), says("two data.pkl"));
  // Entries that lie over one another.
  std::string overlapping = zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(1000, 'x')}, {"a/data/1", "y"}});
  const size_t second = overlapping.rfind("PK\1\2");
  overlapping.replace(second + 20, 8, le<uint32_t>(900) + le<uint32_t>(900));
  overlapping.replace(second + 42, 4, le(static_cast<uint32_t>(overlapping.find("a/data.pkl") - 30)));
  CHECK(refusal(overlapping) != "");
}

TEST_CASE("an older file is told when it is cut off, wherever that is") {
  std::ifstream in(recorded / "torch_file_old.pth", std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(in), {}};
  REQUIRE(refusal(good) == "");
  for (size_t length = 8; length < good.size(); length += 7) CHECK(refusal(good.substr(0, length)) != "");
  CHECK_THAT(refusal("\x80\x02}" + text("w") + "Ns." + std::string(100, ' ')), says("none of torch.save"));
}

TEST_CASE("the weights are found by the names that programs use, several without one are not guessed") {
  const std::string weights = "}" + text("w") + tensor(storage(6), 0, {6}, {1}) + "s";
  const auto file = [&](const std::vector<std::string>& keys) {
    std::string all = "\x80\x02}";
    for (const std::string& key : keys) all += text(key) + weights + "s";
    return archive(all + ".");
  };
  CHECK(refusal(file({"state_dict"})) == "");
  const std::string best = text("best_acc1") + tensor(storage(6), 0, {}, {}) + "s";  // a tensor beside the weights
  const std::string path = dir().file("best.pth", archive("\x80\x02}" + best + text("state_dict") + weights + "s."));
  const Weights found = open_weights(path);
  REQUIRE(found.tensors.size() == 1);
  CHECK(found.tensors[0].name == "w");
  CHECK(found.ignored == "best_acc1");
  CHECK(refusal(file({"optimizer_of_sorts", "model"})) == "");
  CHECK(refusal(file({"weights_of_mine"})) == "");
  CHECK_THAT(refusal(file({"student", "teacher"})), says("student, teacher"));
  CHECK_THAT(refusal(archive("\x80\x02}" + text("epoch") + integer(3) + "s.")), says("it has epoch"));
  CHECK_THAT(refusal(archive("\x80\x02}(" + text("w") + tensor(storage(6), 0, {6}, {1}) + text("w") +
                             tensor(storage(6), 0, {6}, {1}) + "u.")),
             says("two tensors"));
}

}  // namespace selfsup::exchange
