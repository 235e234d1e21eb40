/* The C headers alone, as C11. */
#include "ssp/abi.h"

static ssp_status init(const ssp_host* host) { return host ? SSP_OK : SSP_E_ARGUMENT; }
static void shutdown(void) {}
static ssp_status get_factory(ssp_str kind, ssp_str name, const void** table) {
  (void)kind, (void)name, (void)table;
  return SSP_E_UNSUPPORTED;
}
extern const ssp_plugin_entry ssp_plugin_v1;
const ssp_plugin_entry ssp_plugin_v1 = {sizeof(ssp_plugin_entry), SSP_ABI_MINOR, init, shutdown, get_factory};
