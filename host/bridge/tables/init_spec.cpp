#include "bridge/tables/init_spec.h"

#include <fmt/format.h>

#include "bridge/out_struct.h"
#include "bridge/status.h"

namespace selfsup::bridge {

model::InitSpec to_spec(const ssp_init* given, const std::string& name) {
  const ssp_init init = read_in(given, offsetof(ssp_init, bytes) + sizeof given->bytes, "ssp_init");
  using model::InitKind;
  model::InitSpec spec;
  spec.a = init.a;
  spec.b = init.b;
  spec.lo = init.lo;
  spec.hi = init.hi;
  spec.fan_in = init.fan_in;
  spec.fan_out = init.fan_out;
  switch (init.kind) {
    case SSP_INIT_CONSTANT:
      spec.kind = InitKind::constant;
      break;
    case SSP_INIT_NORMAL:
      spec.kind = InitKind::normal;
      break;
    case SSP_INIT_UNIFORM:
      spec.kind = InitKind::uniform;
      break;
    case SSP_INIT_TRUNC_NORMAL:
      spec.kind = InitKind::trunc_normal;
      break;
    case SSP_INIT_XAVIER_UNIFORM:
      spec.kind = InitKind::xavier_uniform;
      break;
    case SSP_INIT_KAIMING_NORMAL:
      spec.kind = InitKind::kaiming_normal;
      break;
    case SSP_INIT_KAIMING_UNIFORM:
      spec.kind = InitKind::kaiming_uniform;
      break;
    case SSP_INIT_DATA: {
      spec.kind = InitKind::data;
      require(init.data != nullptr || init.bytes == 0, SSP_E_ARGUMENT, "ssp_init: data is null");
      const auto* bytes = static_cast<const std::byte*>(init.data);
      spec.data.assign(bytes, bytes + init.bytes);
      break;
    }
    default:
      fail(SSP_E_ARGUMENT, fmt::format("'{}': unknown initialiser {}", name, init.kind));
  }
  return spec;
}

void check_init(const model::InitSpec& spec, at::IntArrayRef sizes, uint64_t bytes, const std::string& name) {
  const std::string fault = model::fault_of(spec, sizes, bytes);
  if (!fault.empty()) fail(SSP_E_ARGUMENT, fmt::format("initial values of '{}': {}", name, fault));
}

}  // namespace selfsup::bridge
