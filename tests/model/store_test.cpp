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

}  // namespace selfsup::model
