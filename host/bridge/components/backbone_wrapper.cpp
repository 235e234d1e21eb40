// The host's table of kind "ssp.backbone" for components that asked for one.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "bridge/components/result_checks.h"
#include "bridge/components/wrappers.h"
#include "bridge/cross.h"
#include "bridge/operators/handles.h"
#include "bridge/status.h"
#include "bridge/tables/relay_sink.h"

namespace selfsup::bridge {
namespace {

ssp_status layer(ssp_component component, int64_t h, int64_t w, uint32_t index, ssp_layer_info* out) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE);
    require(out != nullptr && out->struct_size >= sizeof(uint32_t) * 2, SSP_E_ARGUMENT,
            "layer: set out->struct_size first");
    if (index >= SSP_MAX_LAYERS) {
      bad_result(who, "layer",
                 fmt::format("layer {} was asked for; a backbone has at most {}, and past its last one it answers "
                             "SSP_SHAPE_NONE",
                             index, int{SSP_MAX_LAYERS}));
    }
    ssp_layer_info info{};
    info.struct_size = sizeof info;
    cross(who, "layer", active().phase, [&] { return who.table<ssp_backbone>().layer(who.self, h, w, index, &info); });
    if (info.shape > SSP_SHAPE_TOKENS) bad_result(who, "layer", fmt::format("unknown shape {}", info.shape));
    if (info.shape != SSP_SHAPE_NONE && (info.channels <= 0 || info.height < 0 || info.width < 0 || info.prefix < 0)) {
      bad_result(who, "layer",
                 fmt::format("layer {} has {} channels, {}x{}, {} prefix tokens", index, info.channels, info.height,
                             info.width, info.prefix));
    }
    const uint32_t size = out->struct_size;
    std::memcpy(out, &info, std::min<size_t>(size, sizeof info));
    out->struct_size = size;
  });
}

ssp_status forward(ssp_component component, ssp_call* call, ssp_tensor images, const ssp_sink* layers) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE);
    checked(call);
    const at::Tensor& x = handles::peek(images);
    if (x.dim() != 4)
      fail(SSP_E_ARGUMENT, fmt::format("{}.forward: images must be [B, C, h, w], they are [{}]", who.label,
                                       fmt::join(x.sizes(), ", ")));
    RelaySink relay(layers);
    cross(who, "forward", Phase::call,
          [&] { return who.table<ssp_backbone>().forward(who.self, call, images, relay.get()); });
  });
}

}  // namespace

const ssp_backbone backbone_wrapper = {sizeof(ssp_backbone), 0, nullptr, nullptr, nullptr, layer, forward};

}  // namespace selfsup::bridge
