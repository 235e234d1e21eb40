// Structs that a callee fills in, whichever of both sides is the newer one. Knows no struct.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "bridge/status.h"

namespace selfsup::bridge {

// Writes to a plugin's struct, as far as it reaches, and sets its struct_size to what was written.
// what: "call.info", for messages.
template <class Struct>
void write_out(const Struct& filled, Struct* out, const char* what) {
  if (!out) fail(SSP_E_ARGUMENT, fmt::format("{}: out is null", what));
  const uint32_t room = out->struct_size;
  if (room < 2 * sizeof(uint32_t)) {
    fail(SSP_E_ARGUMENT, fmt::format("{}: out->struct_size is {}; set it to the size of the struct first", what, room));
  }
  const auto written = static_cast<uint32_t>(std::min<size_t>(room, sizeof filled));
  std::memcpy(static_cast<void*>(out), &filled, written);
  out->struct_size = written;
}

// A plugin's struct as this host knows it: what it does not have is zero. Failure when it lacks a field up to `least`.
template <class Struct>
Struct read_in(const Struct* in, size_t least, const char* what) {
  if (!in) fail(SSP_E_ARGUMENT, fmt::format("{} is null", what));
  if (in->struct_size < least) {
    fail(SSP_E_ARGUMENT, fmt::format("{}.struct_size is {}, at least {} is needed", what, in->struct_size, least));
  }
  Struct mine{};
  std::memcpy(static_cast<void*>(&mine), in, std::min<size_t>(in->struct_size, sizeof mine));
  mine.struct_size = sizeof mine;
  return mine;
}

}  // namespace selfsup::bridge
