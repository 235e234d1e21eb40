// The store: names, identity, kinds, and values that do not depend on the order of declaration.
#include <fmt/format.h>

#include "model/store.h"

#include <catch2/catch.hpp>

#include "base/errors.h"

namespace selfsup::model {
namespace {

Entry entry(const std::string& name, Kind kind = Kind::parameter) {
  Entry e;
  e.name = name;
  e.kind = kind;
  e.init.kind = InitKind::normal;
  e.init.b = 1;
  return e;
}

}  // namespace

TEST_CASE("values depend on seed and name alone") {
  ParameterStore a, b;
  a.declare(entry("x"), {3, 4}, at::kFloat);
  a.declare(entry("y"), {5}, at::kFloat);
  b.declare(entry("y"), {5}, at::kFloat);
  b.declare(entry("x"), {3, 4}, at::kFloat);
  a.initialise(7);
  b.initialise(7);
  CHECK(at::equal(a.find("x")->tensor, b.find("x")->tensor));
  CHECK(at::equal(a.find("y")->tensor, b.find("y")->tensor));
  const at::Tensor before = a.find("x")->tensor.clone();
  a.initialise(8);
  CHECK_FALSE(at::equal(a.find("x")->tensor, before));
}

TEST_CASE("names are unique, entries keep their place and identity") {
  ParameterStore s;
  Entry& first = s.declare(entry("a.b"), {2}, at::kFloat);
  const at::Tensor held = first.tensor;
  for (int i = 0; i < 500; ++i) s.declare(entry(fmt::format("n{}", i), Kind::buffer), {1}, at::kFloat);
  s.initialise(1);
  s.to(at::kCPU);
  CHECK(held.is_same(s.find("a.b")->tensor));
  CHECK(s.find("a.b") == &first);
  CHECK(s.find("a") == nullptr);
  CHECK_THROWS_WITH(s.declare(entry("a.b"), {2}, at::kFloat), Catch::Contains("a.b"));
  CHECK(s.count(Kind::parameter) == 2);
  CHECK(s.count(Kind::buffer) == 500);
  CHECK(s.trained().size() == 1);
}

TEST_CASE("tensors that are to get their memory later have sizes and none of it until then") {
  ParameterStore later(Memory::later), at_once;
  const int64_t huge = int64_t{1} << 40;  // numbers: no machine has room for them
  const at::Tensor held = later.declare(entry("huge"), {huge}, at::kFloat).tensor;
  CHECK(held.numel() == huge);
  CHECK(held.nbytes() == static_cast<size_t>(huge) * 4);
  CHECK(held.storage().nbytes() == 0);
  later.truncate(0);
  CHECK(later.find("huge") == nullptr);

  for (ParameterStore* s : {&later, &at_once}) {
    s->declare(entry("a"), {3, 4}, at::kFloat);
    s->declare(entry("empty"), {0, 4}, at::kFloat);
    s->declare(entry("scalar"), {}, at::kDouble);
  }
  const at::Tensor a = later.find("a")->tensor.set_requires_grad(true);
  later.allocate();
  CHECK(a.is_same(later.find("a")->tensor));
  CHECK(a.requires_grad());
  CHECK(a.is_contiguous());
  later.initialise(3);
  at_once.initialise(3);
  for (const char* name : {"a", "empty", "scalar"})
    CHECK(at::equal(later.find(name)->tensor, at_once.find(name)->tensor));
  const void* memory = a.data_ptr();
  later.allocate();  // they have it
  CHECK(a.data_ptr() == memory);
}

TEST_CASE("names are found by their end, at a dot, in order of declaration") {
  ParameterStore s;
  for (const char* name : {"b.w", "a.w", "a.bw", "w", "a.w.c"}) s.declare(entry(name), {1}, at::kFloat);
  const auto ending = [&](const char* end) {
    std::vector<std::string> names;
    for (const Entry* e : s.ending_in(end)) names.push_back(e->name);
    return names;
  };
  CHECK(ending("w") == std::vector<std::string>{"b.w", "a.w", "w"});
  CHECK(ending("a.w") == std::vector<std::string>{"a.w"});
  CHECK(ending("") == std::vector<std::string>{"b.w", "a.w", "a.bw", "w", "a.w.c"});
  CHECK(ending("x").empty());
  s.truncate(1);
  CHECK(ending("w") == std::vector<std::string>{"b.w"});
}

}  // namespace selfsup::model
