// The host's table of kind "ssp.backbone.tokens" for components that asked for one.
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

using Table = ssp_backbone_tokens;

const Table& table_of(const Instance& who) { return who.table<Table>(); }

ssp_token_info ask(Instance& who, int64_t h, int64_t w) {
  ssp_token_info info{};
  info.struct_size = sizeof info;
  cross(who, "info", who.host->phase, [&] { return table_of(who).info(who.self, h, w, &info); });
  if (info.dim <= 0 || info.grid_h <= 0 || info.grid_w <= 0 || info.out_dim <= 0) {
    bad_result(who, "info",
               fmt::format("{}x{} pixels: dim {}, grid {}x{}, out_dim {}: each must be positive", h, w, info.dim,
                           info.grid_h, info.grid_w, info.out_dim));
  }
  return info;
}

// What encode can emit.
LayersAt layers_of(Instance& who, const ssp_token_info& info, int64_t h, int64_t w) {
  LayersAt at{h, w, {}};
  try {
    require(info.layers != nullptr || info.n_layers == 0, SSP_E_PLUGIN, "names of layers at a null address");
    for (uint32_t i = 0; i < info.n_layers; ++i) {
      const std::string_view name = view(info.layers[i]);
      check_word(name, "the name of a layer");
      if (at.find(name)) fail(SSP_E_PLUGIN, fmt::format("layer '{}' is told twice", name));
      at.layers.push_back({std::string(name), {}});
    }
  } catch (const Failure& e) {
    bad_result(who, "info", e.text);
  }
  return at;
}

ssp_status info(ssp_component component, int64_t h, int64_t w, ssp_token_info* out) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE_TOKENS);
    const ssp_token_info info = ask(who, h, w);
    layers_of(who, info, h, w);  // checks the names
    write_out(info, out, "tokens.info");
  });
}

ssp_status embed(ssp_component component, ssp_call* call, ssp_tensor images, ssp_tensor* out) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE_TOKENS);
    require_same_host(who, call);
    require(out != nullptr, SSP_E_ARGUMENT, "embed: out is null");
    const at::Tensor& x = who.host->handles.peek(images);
    require_argument(x.dim() == 4, who, "embed", "images must be [B, C, h, w]", x);
    const int64_t batch = x.size(0);
    ssp_tensor result{0};
    cross(who, "embed", Phase::call, [&] { return table_of(who).embed(who.self, call, images, &result); });
    check_shape(who, "embed", "patches", checked_result(who, "embed", "patches", result), {batch, -1, -1});
    hand_over(who);
    *out = result;
  });
}

ssp_status positions(ssp_component component, ssp_call* call, int64_t h, int64_t w, ssp_tensor* patch,
                     ssp_tensor* prefix) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE_TOKENS);
    require_same_host(who, call);
    require(patch != nullptr && prefix != nullptr, SSP_E_ARGUMENT, "positions: patch or prefix is null");
    ssp_tensor p{0}, q{0};
    cross(who, "positions", Phase::call, [&] { return table_of(who).positions(who.self, call, h, w, &p, &q); });
    check_shape(who, "positions", "patch", checked_result(who, "positions", "patch", p), {1, -1, -1});
    if (q.id) check_shape(who, "positions", "prefix", checked_result(who, "positions", "prefix", q), {1, -1, -1});
    hand_over(who, q.id ? 2 : 1);
    *patch = p;
    *prefix = q;
  });
}

ssp_status encode(ssp_component component, ssp_call* call, const ssp_encode* request, ssp_tensor* out) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE_TOKENS);
    require_same_host(who, call);
    require(out != nullptr, SSP_E_ARGUMENT, "encode: out is null");
    ssp_encode mine = read_in(request, offsetof(ssp_encode, layers) + sizeof request->layers, "ssp_encode");
    if (mine.flags & 0xffff) fail(SSP_E_ARGUMENT, fmt::format("encode: unknown flags {:#x}", mine.flags));
    const at::Tensor& tokens = who.host->handles.peek(mine.tokens);
    require_argument(tokens.dim() == 3, who, "encode", "tokens must be [B, K, dim]", tokens);
    const int64_t batch = tokens.size(0);
    if (mine.ids.id) {
      const at::Tensor& ids = who.host->handles.peek(mine.ids);
      require_argument(ids.scalar_type() == at::kLong && ids.sizes() == tokens.sizes().slice(0, 2), who, "encode",
                       "ids must be i64 [B, K] of the tokens' B and K", ids);
    }
    if (mine.bias.id) who.host->handles.peek(mine.bias);
    std::vector<std::string> wanted;
    if (mine.n_names != 0) {
      const LayersAt known = layers_of(who, ask(who, mine.h, mine.w), mine.h, mine.w);
      wanted = checked_names(who.label + ".encode", mine.names, mine.n_names, known);
    }
    RelaySink relay(*who.host, mine.layers, std::move(wanted));
    mine.layers = relay.get();
    ssp_tensor result{0};
    cross(who, "encode", Phase::call, [&] { return table_of(who).encode(who.self, call, &mine, &result); });
    relay.require_all(who, "encode");
    check_shape(who, "encode", "result", checked_result(who, "encode", "result", result), {batch, -1, -1});
    hand_over(who);
    *out = result;
  });
}

ssp_status names(ssp_component component, ssp_str format, const ssp_sink* pairs) {
  return guarded([&] { relay_names(checked_instance(component, SSP_KIND_BACKBONE_TOKENS), format, pairs); });
}

}  // namespace

const ssp_backbone_tokens tokens_wrapper = {sizeof(Table), 0,     nullptr,   nullptr, nullptr,
                                            info,          embed, positions, encode,  names};

}  // namespace selfsup::bridge
