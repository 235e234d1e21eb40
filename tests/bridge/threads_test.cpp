// What is of the main thread alone is refused on others.
#include <thread>

#include "bridge/components/collector.h"
#include "bridge/components/relay_sink.h"
#include "bridge/support/window.h"

namespace selfsup::bridge::testing {
namespace {

ssp_status elsewhere(const std::function<ssp_status()>& call) {
  ssp_status status = SSP_OK;
  std::thread([&] { status = call(); }).join();
  return status;
}

int received = 0;
ssp_status receive(const ssp_sink*, ssp_str, ssp_tensor, uint32_t) { return ++received, SSP_OK; }

}  // namespace

TEST_CASE("sinks are for the thread of the callback that got them") {
  Host host;
  Window window(host);
  Instance emitter;
  emitter.host = &host.state();
  const ssp_tensor tensor = give(host, at::zeros({}));
  const std::string name = "x";

  TensorCollector tensors(emitter, "training_step", Emits::losses, 1);
  const auto emit = [&] { return tensors.get()->tensor(tensors.get(), borrow(name), tensor, SSP_EMIT_LOSS); };
  CHECK(elsewhere(emit) == SSP_E_PRECONDITION);
  CHECK(emit() == SSP_OK);
  CHECK(tensors.take().size() == 1);

  ByteCollector bytes(host.state());
  const auto write = [&] { return bytes.get()->bytes(bytes.get(), name.data(), name.size()); };
  CHECK(elsewhere(write) == SSP_E_PRECONDITION);
  CHECK_FALSE(bytes.any());
  CHECK(write() == SSP_OK);
  CHECK(bytes.bytes.size() == 1);

  const ssp_sink target{sizeof target, 0, nullptr, receive, nullptr, nullptr};
  RelaySink relay(host.state(), &target, {name});
  const auto forward = [&] { return relay.get()->tensor(relay.get(), borrow(name), tensor, 0); };
  CHECK(elsewhere(forward) == SSP_E_PRECONDITION);
  CHECK(received == 0);
  CHECK(forward() == SSP_OK);
  CHECK(received == 1);
  release(tensor);
}

}  // namespace selfsup::bridge::testing
