// The table "ssp.edit": which kinds of edits a transform will append.
#include <fmt/format.h>

#include "bridge/components/build.h"
#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/extensions.h"
#include "data/edits/edit.h"

namespace selfsup::bridge {
namespace {

ssp_status need(ssp_build* token, const uint32_t* kinds, uint32_t n) {
  return guarded([&] {
    Build& build = checked(token, Needs::configuration);
    require(build.session == nullptr, SSP_E_PRECONDITION, "edit.need: only in the create of a transform");
    require(kinds != nullptr || n == 0, SSP_E_ARGUMENT, "edit.need: kinds is null");
    for (uint32_t i = 0; i < n; ++i) {
      if (data::name_of(kinds[i]).empty()) {
        fail(SSP_E_UNSUPPORTED,
             fmt::format("edit.need: this host does not draw edits of kind {}; it draws kinds 1 to {}. Do without it, "
                         "or draw it in the transform (sample.get)",
                         kinds[i], build.edits.size() - 1));
      }
      build.edits.set(kinds[i]);
    }
  });
}

}  // namespace

const ssp_edits edit_table = {sizeof(ssp_edits), 0, need};

}  // namespace selfsup::bridge
