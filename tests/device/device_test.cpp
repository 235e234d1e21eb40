#include "device/device.h"

#include <ATen/ATen.h>
#include <dlfcn.h>
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
    CHECK(find_devices("auto").gpus.empty());
    try {
      find_devices("cuda");
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
  const bool usable = !ask_driver().gpus.empty() && open_cuda_module().table;
  CHECK(take_device(find_devices("auto"), 0).device.is_cuda() == usable);
  if (usable)
    CHECK(take_device(find_devices("cuda"), 0).device.is_cuda());
  else
    CHECK_THROWS_WITH(find_devices("cuda"), Catch::Contains("driver"));
}

TEST_CASE("the driver's GPUs are known by UUID, in its order") {
  // Opened first, it is what "libcuda.so.1" means from now on.
  REQUIRE(dlopen(SELFSUP_STUB_DRIVER, RTLD_NOW));
  const auto seen = [](const char* gpus) {
    const Environment environment("SELFSUP_TEST_GPUS", gpus);
    return ask_driver();
  };
  const std::string one = "01a1a2a3-b4b5-c6c7-d8d9-eaebecedeeef", two = "02" + one.substr(2);
  CHECK(seen("1").gpus == std::vector<std::string>{one});
  CHECK(seen("21").gpus == std::vector<std::string>{two, one});
  CHECK(seen("1").reason.empty());
  CHECK(seen("").gpus.empty());
  CHECK(seen("").reason == "the driver shows no GPU to this process");
  CHECK(seen("1x").gpus.empty());
  CHECK(seen("1x").reason == "the driver cannot identify GPU 1 (CUDA error 101)");
}

TEST_CASE("an unknown device is refused") {
  CHECK_THROWS_WITH(find_devices("gpu"), Catch::Contains("auto") && Catch::Contains("gpu"));
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
