#include "run/fused_path.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "fused/kernels.h"
#include "fused/products.h"

namespace selfsup::run {
namespace {

constexpr const char* kOff = "off";

FusedPath in_single_operators(const std::string& why) {
  return {false, kOff, fmt::format("the network runs in single operators: {}", why)};
}

}  // namespace

std::string fused_kernels() {
  return fmt::format("{}, products of {}", fused::kernels().front().name, fused::product_library());
}

std::string fused_path_of(const checkpoint::Manifest& manifest) {
  const Json* path = manifest.extra.at_path(fmt::format("facts.{}", fused_key));
  return path && path->is_string() ? path->as_string() : kOff;
}

FusedPath fused_path(config::Fused wanted, at::Device device, const checkpoint::Manifest* resumed) {
  if (wanted == config::Fused::off) return in_single_operators("env_cfg.fused is \"off\"");
  if (!device.is_cpu()) {
    if (wanted == config::Fused::automatic) return in_single_operators("there are fused kernels for CPUs alone");
    throw Error(
        Exit::usage,
        "env_cfg.fused is \"on\", and there are fused kernels for CPUs alone, while this run is on a GPU; leave "
        "it at \"auto\", which takes single operators there");
  }
  if (wanted == config::Fused::automatic && resumed && fused_path_of(*resumed) == kOff)
    return in_single_operators("so did the run of the checkpoint");
  const std::string kernels = fused_kernels();
  return {
      true, kernels,
      fmt::format("halves of transformer blocks, and norms with what follows, run fused where the model has them: {}",
                  kernels)};
}

void require_fused(config::Fused wanted, int64_t fused_calls) {
  if (wanted == config::Fused::on && fused_calls == 0)
    throw Error(Exit::usage,
                "env_cfg.fused is \"on\", and nothing of this model can be fused: it has neither blocks nor norms "
                "that ask for it, or the log says why they run in single operators; leave it at \"auto\"");
}

}  // namespace selfsup::run
