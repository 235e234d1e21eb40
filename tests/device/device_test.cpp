#include "device/device.h"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include <cstdlib>

#include "base/errors.h"
#include "device/driver.h"

namespace selfsup::device {
namespace {

class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before, had_ = true;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Environment() { had_ ? setenv(name_, before_.c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::string before_;
  bool had_ = false;
};

}  // namespace

TEST_CASE("hidden GPUs mean the CPU, and asking for cuda then is one clear line") {
  for (const char* value : {"-1", ""}) {
    const Environment environment("CUDA_VISIBLE_DEVICES", value);
    CHECK(choose_device("auto").device.is_cpu());
    try {
      choose_device("cuda");
      FAIL("cuda was given");
    } catch (const Error& e) {
      CHECK(e.exit() == Exit::usage);
      CHECK_THAT(e.what(), Catch::Contains("CUDA_VISIBLE_DEVICES"));
      CHECK_THAT(e.what(), !Catch::Contains("\n"));
    }
  }
}

// tests/scripts/cuda_test.sh has drivers of its own making; this is about the machine's.
TEST_CASE("auto follows the driver, and cuda names what is missing") {
  const Environment environment("CUDA_VISIBLE_DEVICES", nullptr);
  const bool usable = ask_driver().devices > 0 && open_cuda_module().table;
  CHECK(choose_device("auto").device.is_cuda() == usable);
  if (usable)
    CHECK(choose_device("cuda").device.is_cuda());
  else
    CHECK_THROWS_WITH(choose_device("cuda"), Catch::Contains("driver"));
}

TEST_CASE("an unknown device is refused") {
  CHECK_THROWS_WITH(choose_device("gpu"), Catch::Contains("auto") && Catch::Contains("gpu"));
}

TEST_CASE("seeds that differ in any bit give different numbers") {
  const auto draw = [](uint64_t seed) {
    set_numerics({seed, false});
    return at::rand({8});
  };
  CHECK(at::equal(draw(7), draw(7)));
  CHECK(!at::equal(draw(7), draw(7 | (1ull << 40))));
}

TEST_CASE("TF32 is as LibTorch has it until somebody says") {
  const auto allowed = [] {
    return std::pair(at::globalContext().allowTF32CuBLAS(), at::globalContext().allowTF32CuDNN());
  };
  set_numerics({});
  CHECK(allowed() == std::pair(false, true));  // torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
  set_numerics({.tf32 = true});
  CHECK(allowed() == std::pair(true, true));
  set_numerics({.tf32 = false});
  CHECK(allowed() == std::pair(false, false));
}

}  // namespace selfsup::device
