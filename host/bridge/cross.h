// One crossing from the host into a plugin's code: noted, guarded, and left as it was entered. Main thread.
#pragma once
#include "bridge/components/session.h"
#include "bridge/host_state.h"
#include "bridge/status.h"
#include "plugin/crossing.h"

namespace selfsup::bridge {

class Cross {
 public:
  // The calling thread becomes the host's main one. function: a literal; `who` lives as long as the crossing.
  Cross(Instance& who, const char* function, Phase phase);
  ~Cross();
  Cross(const Cross&) = delete;
  Cross& operator=(const Cross&) = delete;

  // The callback returned: Failure with the component's name before the plugin's text, if it failed.
  void returned(ssp_status status);
  // The callback threw. Only inside a catch block.
  [[noreturn]] void threw();

 private:
  std::string name() const;

  Instance& who_;
  HostState& host_;
  const char* function_;
  plugin::Crossing note_;
  modes::Guard modes_;
  uint64_t serial_;
  Phase outer_phase_;
  Instance* outer_;
  int64_t* outer_account_;
};

// Runs a callback of `who`. body calls the plugin's function and nothing else, and returns its status.
template <class Body>
void cross(Instance& who, const char* function, Phase phase, Body&& body) {
  Cross crossing(who, function, phase);
  ssp_status status;
  try {
    status = body();
  } catch (...) {
    crossing.threw();
  }
  crossing.returned(status);
}

// Runs a function of a requester's own sink; receiver: whose it is, null in tests.
template <class Body>
void cross_back(const HostState& host, Instance* receiver, Body&& body) {
  if (receiver) return cross(*receiver, "sink", host.phase, body);
  if (const ssp_status status = body(); status != SSP_OK) fail(status, std::string(view(last_error())));
}

// A result's reference goes from the component that made it to the one that asked for it.
void hand_over(Instance& from, int64_t references = 1);

}  // namespace selfsup::bridge
