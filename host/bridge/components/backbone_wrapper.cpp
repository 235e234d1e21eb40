// The host's table of kind "ssp.backbone" for components that asked for one.
#include <fmt/format.h>

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
class LayerCollector {
 public:
  LayerCollector(const HostState& host, int64_t h, int64_t w) : host_(host), got{h, w, {}} {
    table_.struct_size = sizeof table_;
    table_.receiver = this;
    table_.layer = receive;
  }
  const ssp_layer_sink* get() const { return &table_; }

 private:
  static ssp_status receive(const ssp_layer_sink* self, const ssp_layer_info* info) {
    return guarded([&] {
      require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
      auto& collector = *static_cast<LayerCollector*>(self->receiver);
      require_main(collector.host_, "the sink is for the thread of the callback that got it");
      collector.add(read_in(info, offsetof(ssp_layer_info, prefix) + sizeof info->prefix, "ssp_layer_info"));
    });
  }

  void add(const ssp_layer_info& info) {
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

  const HostState& host_;
  ssp_layer_sink table_{};

 public:
  LayersAt got;
};

const LayersAt& layers_of(Instance& who, int64_t h, int64_t w) {
  if (const LayersAt* known = who.layers.find(h, w)) return *known;
  LayerCollector collector(*who.host, h, w);
  cross(who, "layers", who.host->phase,
        [&] { return who.table<ssp_backbone>().layers(who.self, h, w, collector.get()); });
  if (!collector.got.main())
    bad_result(who, "layers",
               fmt::format("{}x{} pixels: no layer is flagged SSP_LAYER_MAIN; flag the one that stands for "
                           "the whole",
                           h, w));
  return who.layers.add(std::move(collector.got));
}

ssp_status layers(ssp_component component, int64_t h, int64_t w, const ssp_layer_sink* sink) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE);
    require(SSP_HAS(ssp_layer_sink, sink, layer), SSP_E_ARGUMENT, "layers: the sink is null or takes nothing");
    const LayersAt at = layers_of(who, h, w);  // a copy: the sink may ask for other sizes
    for (const Layer& layer : at.layers) {
      ssp_layer_info info = layer.info;
      info.struct_size = sizeof info;
      info.name = borrow(layer.name);
      const auto forward = [&] { return sink->layer(sink, &info); };
      if (Instance* receiver = who.host->current) {
        cross(*receiver, "sink", who.host->phase, forward);
      } else if (const ssp_status status = forward(); status != SSP_OK) {
        fail(status, std::string(view(last_error())));
      }
    }
  });
}

void check_mask(const Instance& who, const at::Tensor& mask, int64_t batch) {
  const bool good =
      mask.dim() == 3 && mask.size(0) == batch && (mask.scalar_type() == at::kBool || mask.scalar_type() == at::kFloat);
  if (good) return;
  fail(SSP_E_ARGUMENT, fmt::format("{}.forward: the mask must be bool or f32 [{}, grid_h, grid_w], it is {}", who.label,
                                   batch, shape_text(mask)));
}

ssp_status forward(ssp_component component, ssp_call* call, const ssp_forward* request) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE);
    require_same_host(who, call);
    ssp_forward mine = read_in(request, offsetof(ssp_forward, layers) + sizeof request->layers, "ssp_forward");
    if (mine.flags & 0xffff) fail(SSP_E_ARGUMENT, fmt::format("forward: unknown flags {:#x}", mine.flags));
    const at::Tensor& x = who.host->handles.peek(mine.images);
    if (x.dim() != 4)
      fail(SSP_E_ARGUMENT,
           fmt::format("{}.forward: images must be [B, C, h, w], they are {}", who.label, shape_text(x)));
    if (mine.mask.id) check_mask(who, who.host->handles.peek(mine.mask), x.size(0));
    const LayersAt& known = layers_of(who, x.size(2), x.size(3));
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
