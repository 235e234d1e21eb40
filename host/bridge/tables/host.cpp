// The one active host of the process and the table that plugins get in init.
#include <fmt/format.h>

#include <cstring>

#include "base/errors.h"
#include "bridge/active.h"
#include "bridge/components/algorithm.h"
#include "bridge/operators/handles.h"
#include "bridge/status.h"
#include "bridge/tables/tables.h"
#include "bridge/testing.h"

namespace selfsup::bridge {
namespace {

const void* get_extension(const ssp_host*, const char* id) { return find_extension(id); }

void set_error_text(const ssp_host*, ssp_str text) {
  try {
    set_error(text.data ? std::string(text.data, text.size) : std::string());
  } catch (...) {
    set_error({});
  }
}

ssp_str last_error_text(const ssp_host*) { return last_error(); }

const ssp_host host_table = {sizeof(ssp_host), SSP_ABI_MINOR, get_extension, set_error_text, last_error_text};

}  // namespace

const void* find_extension(const char* id) noexcept {
  static constexpr std::pair<const char*, const void*> known[] = {
      {SSP_EXT_OPS, &ops_table},    {SSP_EXT_PARAMS, &params_table}, {SSP_EXT_CONFIG, &config_table},
      {SSP_EXT_CALL, &calls_table}, {SSP_EXT_RNG, &rng_table},       {SSP_EXT_REGISTRY, &registry_table},
      {SSP_EXT_DIST, &dist_table},  {SSP_EXT_LOG, &log_table}};
  if (!id) return nullptr;
  for (const auto& [name, table] : known) {
    if (std::strcmp(name, id) == 0) return table;
  }
  return nullptr;
}

Host::Host() {
  if (active().open) throw Error(Exit::failed, "a second host in one process: C tables carry no host pointer");
  handles::open();
  const bool strict = active().strict;
  active() = Active{};
  active().strict = strict;
  active().open = true;
}

Host::~Host() {
  active().open = false;
  active().trained.clear();
  handles::close();
}

const ssp_host* Host::table() const { return &host_table; }

void Host::set_environment(const Environment& environment) {
  if (environment.world < 1 || environment.rank < 0 || environment.rank >= environment.world) {
    throw Error(Exit::failed, fmt::format("rank {} of {}", environment.rank, environment.world));
  }
  active().environment = environment;
}

int64_t Host::live_handles() { return handles::live(); }

void testing::set_strict(bool on) { active().strict = on; }

}  // namespace selfsup::bridge
