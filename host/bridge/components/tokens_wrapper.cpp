// The host's table of kind "ssp.backbone.tokens" for components that asked for one.
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

using Table = ssp_backbone_tokens;

const Table& table_of(const Instance& who) { return who.table<Table>(); }

ssp_token_info ask(Instance& who, int64_t h, int64_t w) {
  ssp_token_info info{};
  info.struct_size = sizeof info;
  cross(who, "info", active().phase, [&] { return table_of(who).info(who.self, h, w, &info); });
  if (info.dim <= 0 || info.grid_h <= 0 || info.grid_w <= 0 || info.out_dim <= 0) {
    bad_result(who, "info",
               fmt::format("{}x{} pixels: dim {}, grid {}x{}, out_dim {}: each must be positive", h, w, info.dim,
                           info.grid_h, info.grid_w, info.out_dim));
  }
  return info;
}

ssp_status info(ssp_component component, int64_t h, int64_t w, ssp_token_info* out) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE_TOKENS);
    require(out != nullptr && out->struct_size >= sizeof(uint32_t) * 2, SSP_E_ARGUMENT,
            "info: set out->struct_size first");
    const ssp_token_info full = ask(who, h, w);
    const uint32_t size = out->struct_size;
    std::memcpy(out, &full, std::min<size_t>(size, sizeof full));
    out->struct_size = size;
  });
}

ssp_status embed(ssp_component component, ssp_call* call, ssp_tensor images, ssp_tensor* out) {
  return guarded([&] {
    Instance& who = checked_instance(component, SSP_KIND_BACKBONE_TOKENS);
    checked(call);
    require(out != nullptr, SSP_E_ARGUMENT, "embed: out is null");
    const at::Tensor& x = handles::peek(images);
    if (x.dim() != 4) {
      fail(SSP_E_ARGUMENT,
           fmt::format("{}.embed: images must be [B, C, h, w], they are [{}]", who.label, fmt::join(x.sizes(), ", ")));
    }
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
    checked(call);
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
    checked(call);
    require(request != nullptr && out != nullptr, SSP_E_ARGUMENT, "encode: request or out is null");
    require(request->struct_size >= offsetof(ssp_encode, layers) + sizeof request->layers, SSP_E_ARGUMENT,
            "encode: ssp_encode.struct_size is too small");
    if (request->flags & 0xffff) fail(SSP_E_ARGUMENT, fmt::format("encode: unknown flags {:#x}", request->flags));
    const at::Tensor& tokens = handles::peek(request->tokens);
    if (tokens.dim() != 3) {
      fail(SSP_E_ARGUMENT, fmt::format("{}.encode: tokens must be [B, K, dim], they are [{}]", who.label,
                                       fmt::join(tokens.sizes(), ", ")));
    }
    const int64_t batch = tokens.size(0), kept = tokens.size(1);
    if (request->ids.id) {
      const at::Tensor& ids = handles::peek(request->ids);
      if (ids.scalar_type() != at::kLong || ids.dim() != 2 || ids.size(0) != batch || ids.size(1) != kept) {
        fail(SSP_E_ARGUMENT, fmt::format("{}.encode: ids must be i64 [{}, {}], they are {} [{}]", who.label, batch,
                                         kept, c10::toString(ids.scalar_type()), fmt::join(ids.sizes(), ", ")));
      }
    }
    if (request->bias.id) handles::peek(request->bias);
    RelaySink relay(request->layers);
    ssp_encode mine{};
    std::memcpy(&mine, request, std::min<size_t>(request->struct_size, sizeof mine));
    mine.struct_size = sizeof mine;
    mine.layers = relay.get();
    ssp_tensor result{0};
    cross(who, "encode", Phase::call, [&] { return table_of(who).encode(who.self, call, &mine, &result); });
    check_shape(who, "encode", "result", checked_result(who, "encode", "result", result), {batch, -1, -1});
    hand_over(who);
    *out = result;
  });
}

}  // namespace

const ssp_backbone_tokens tokens_wrapper = {sizeof(Table), 0,     nullptr,   nullptr, nullptr,
                                            info,          embed, positions, encode};

}  // namespace selfsup::bridge
