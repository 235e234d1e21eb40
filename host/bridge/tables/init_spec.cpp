#include "bridge/tables/init_spec.h"

#include <fmt/format.h>

#include "bridge/out_struct.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

using model::InitKind;
// From SSP_INIT_CONSTANT to SSP_INIT_DATA.
constexpr InitKind kKinds[] = {
    InitKind::constant,       InitKind::normal,         InitKind::uniform,         InitKind::trunc_normal,
    InitKind::xavier_uniform, InitKind::kaiming_normal, InitKind::kaiming_uniform, InitKind::data};

}  // namespace

model::InitSpec to_spec(const ssp_init* given, const std::string& name) {
  const ssp_init init = read_in(given, offsetof(ssp_init, bytes) + sizeof given->bytes, "ssp_init");
  if (init.kind < SSP_INIT_CONSTANT || init.kind > SSP_INIT_DATA)
    fail(SSP_E_ARGUMENT, fmt::format("'{}': unknown initialiser {}", name, init.kind));
  model::InitSpec spec{
      kKinds[init.kind - SSP_INIT_CONSTANT], init.a, init.b, init.lo, init.hi, init.fan_in, init.fan_out, {}};
  if (init.kind == SSP_INIT_DATA) {
    require(init.data != nullptr || init.bytes == 0, SSP_E_ARGUMENT, "ssp_init: data is null");
    const auto* bytes = static_cast<const std::byte*>(init.data);
    spec.data.assign(bytes, bytes + init.bytes);
  }
  return spec;
}

void check_init(const model::InitSpec& spec, at::IntArrayRef sizes, uint64_t bytes, const std::string& name) {
  const std::string fault = model::fault_of(spec, sizes, bytes);
  if (!fault.empty()) fail(SSP_E_ARGUMENT, fmt::format("initial values of '{}': {}", name, fault));
}

}  // namespace selfsup::bridge
