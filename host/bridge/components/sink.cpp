#include "bridge/components/sink.h"

#include "bridge/components/session.h"
#include "bridge/host_state.h"
#include "bridge/out_struct.h"
#include "bridge/status.h"

namespace selfsup::bridge {
namespace {

template <class Table>
Sink& of(const Table* self) {
  require(self != nullptr, SSP_E_ARGUMENT, "the sink is null");
  return alive(&HostState::sinks, self->receiver, "sink");
}

[[noreturn]] void takes_none() {
  fail(SSP_E_ARGUMENT, "this sink is for something else; call the function that it came with");
}

}  // namespace

Sink::Sink(HostState& host) : host_(host), token_(host.sinks.add(*this)) {}

Sink::~Sink() { host_.sinks.remove(*this); }

void Sink::take_tensor(std::string_view, ssp_tensor, uint32_t) { takes_none(); }
void Sink::take_bytes(std::span<const std::byte>) { takes_none(); }
void Sink::take_pair(std::string_view, std::string_view) { takes_none(); }
void Sink::take_layer(const ssp_layer_info&) { takes_none(); }

ssp_status Sink::tensor(const ssp_sink* self, ssp_str name, ssp_tensor tensor, uint32_t flags) {
  return guarded([&] { of(self).take_tensor(view(name), tensor, flags); });
}

ssp_status Sink::bytes(const ssp_sink* self, const void* data, uint64_t size) {
  return guarded([&] {
    require(data != nullptr || size == 0, SSP_E_ARGUMENT, "bytes at a null address");
    of(self).take_bytes({static_cast<const std::byte*>(data), size});
  });
}

ssp_status Sink::pair(const ssp_sink* self, ssp_str key, ssp_str value) {
  return guarded([&] { of(self).take_pair(view(key), view(value)); });
}

ssp_status Sink::layer(const ssp_layer_sink* self, const ssp_layer_info* info) {
  return guarded([&] {
    of(self).take_layer(read_in(info, offsetof(ssp_layer_info, prefix) + sizeof info->prefix, "ssp_layer_info"));
  });
}

}  // namespace selfsup::bridge
