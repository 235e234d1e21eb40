// The tables that a create is for, with short ways to call them.
#pragma once
#include <string>
#include <vector>

#include "bridge/support/window.h"

namespace selfsup::bridge::testing {

inline ssp_init init_of(uint32_t kind, double a = 0, double b = 0) {
  return {sizeof(ssp_init), kind, a, b, 0, 0, 0, 0, nullptr, 0};
}

struct Built {
  Host host;
  plugin::Registry registry{host.table()};
  const ssp_params& params = extension<ssp_params>(host, SSP_EXT_PARAMS);
  const ssp_config& config = extension<ssp_config>(host, SSP_EXT_CONFIG);

  ssp_status declare(ssp_build* b, const char* name, uint32_t kind, std::vector<int64_t> sizes, ssp_init init,
                     int32_t dtype = SSP_F32, uint32_t roles = 0, ssp_tensor* out = nullptr) {
    const ssp_param_desc desc{sizeof desc, dtype, text(name), sizes.data(), static_cast<uint32_t>(sizes.size()),
                              kind,        roles, 2,          &init};
    ssp_tensor handle{0};
    const ssp_status status = params.declare(b, &desc, &handle);
    if (status == SSP_OK && !out) release(handle);
    if (out) *out = handle;
    return status;
  }
  ssp_build* scope(ssp_build* b, const char* prefix, const char* node = "", uint32_t flags = 0,
                   const char* overrides = "") {
    const ssp_scope request{sizeof request, flags, text(prefix), text(node), text(overrides)};
    ssp_build* child = nullptr;
    const ssp_status status = params.scope(b, &request, &child);
    INFO(error_text());
    REQUIRE(status == SSP_OK);
    return child;
  }
  ssp_value get(ssp_build* b, const char* key) {
    ssp_value v;
    REQUIRE(config.get(b, text(key), &v) == SSP_OK);
    return v;
  }
  // As a run does that fuses, or one that does not.
  void fuse(bool yes) {
    Environment environment;
    environment.fused = yes;
    host.set_environment(environment);
  }
};

}  // namespace selfsup::bridge::testing
