// The host's table of kind "ssp.backbone" for components that asked for one.
#include <fmt/format.h>

#include "bridge/components/layers.h"
#include "bridge/components/names.h"
#include "bridge/components/relay_sink.h"
#include "bridge/components/result_checks.h"
#include "bridge/components/wrappers.h"
#include "bridge/cross.h"
#include "bridge/out_struct.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

// Takes what a plugin tells of its layers, checked one by one.
class LayerCollector : public Sink {
 public:
  LayerCollector(HostState& host, int64_t h, int64_t w) : Sink(host), got{h, w, {}} {}
  const ssp_layer_sink* get() const { return &table_; }
  LayersAt got;

 private:
  void take_layer(const ssp_layer_info& info) override {
    check_word(view(info.name), "the name of a layer");
    const std::string name(view(info.name));
    if (info.shape < SSP_SHAPE_VECTOR || info.shape > SSP_SHAPE_TOKENS)
      fail(SSP_E_PLUGIN, fmt::format("layer '{}' has the unknown shape {}", name, info.shape));
    if (info.flags & 0xffff & ~uint32_t{SSP_LAYER_MAIN})
      fail(SSP_E_PLUGIN, fmt::format("layer '{}' has unknown flags {:#x}", name, info.flags));
    if (info.channels <= 0 || info.height < 0 || info.width < 0 || info.prefix < 0) {
      fail(SSP_E_PLUGIN, fmt::format("layer '{}' has {} channels, {}x{}, {} prefix tokens", name, info.channels,
                                     info.height, info.width, info.prefix));
    }
    if (got.find(name)) fail(SSP_E_PLUGIN, fmt::format("layer '{}' is told twice", name));
    if (const Layer* main = got.main(); main && (info.flags & SSP_LAYER_MAIN))
      fail(SSP_E_PLUGIN, fmt::format("layers '{}' and '{}' are both flagged MAIN; flag one", main->name, name));
    got.layers.push_back({name, info});
  }

  const ssp_layer_sink table_ = for_layers();
};

LayersAt layers_of(Instance& who, int64_t h, int64_t w) {
  LayerCollector collector(*who.host, h, w);
  cross(who, "layers", who.host->phase,
        [&] { return who.table<ssp_backbone>().layers(who.self, h, w, collector.get()); });
  if (!collector.got.main()) {
    bad_result(
        who, "layers",
        fmt::format("{}x{} pixels: no layer is flagged SSP_LAYER_MAIN; flag the one that stands for the whole", h, w));
  }
  return std::move(collector.got);
}

ssp_status layers(ssp_component component, int64_t h, int64_t w, const ssp_layer_sink* sink) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE);
    require(SSP_HAS(ssp_layer_sink, sink, layer), SSP_E_ARGUMENT, "layers: the sink is null or takes nothing");
    for (const LayersAt at = layers_of(who, h, w); const Layer& layer : at.layers) {
      ssp_layer_info info = layer.info;
      info.name = borrow(layer.name);
      cross_back(*who.host, who.host->current, [&] { return sink->layer(sink, &info); });
    }
  });
}

ssp_status forward(ssp_component component, ssp_call* call, const ssp_forward* request) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE);
    require_same_host(who, call);
    ssp_forward mine = read_in(request, offsetof(ssp_forward, layers) + sizeof request->layers, "ssp_forward");
    if (mine.flags & 0xffff) fail(SSP_E_ARGUMENT, fmt::format("forward: unknown flags {:#x}", mine.flags));
    const at::Tensor& x = who.host->handles.peek(mine.images);
    require_argument(x.dim() == 4, who, "forward", "images must be [B, C, h, w]", x);
    if (mine.mask.id) {
      const at::Tensor& mask = who.host->handles.peek(mine.mask);
      const bool is_mask = mask.scalar_type() == at::kBool || mask.scalar_type() == at::kFloat;
      require_argument(is_mask && mask.dim() == 3 && mask.size(0) == x.size(0), who, "forward",
                       "the mask must be bool or f32 [B, grid_h, grid_w] of the images' B", mask);
    }
    const LayersAt known = layers_of(who, x.size(2), x.size(3));
    std::vector<std::string> wanted = checked_names(who.label + ".forward", mine.names, mine.n_names, known);
    if (wanted.empty()) wanted.push_back(known.main()->name);
    RelaySink relay(*who.host, mine.layers, std::move(wanted));
    mine.layers = relay.get();
    cross(who, "forward", Phase::call, [&] { return who.table<ssp_backbone>().forward(who.self, call, &mine); });
    relay.require_all(who, "forward");
  });
}

ssp_status names(ssp_component component, ssp_str format, const ssp_sink* pairs) {
  return guarded([&] { relay_names(checked_instance(component, SSP_KIND_BACKBONE), format, pairs); });
}

}  // namespace

const ssp_backbone backbone_wrapper = {sizeof(ssp_backbone), 0, nullptr, nullptr, nullptr, layers, forward, names};

}  // namespace selfsup::bridge
