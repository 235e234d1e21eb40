// Which way halves of transformer blocks, and norms with what follows, go in a run: fused, by which kernels, or in
// single operators; and the words for it in the log and in the manifest of a checkpoint. Knows no model.
#pragma once
#include <c10/core/Device.h>

#include <string>

#include "checkpoint/manifest.h"
#include "config/run_config.h"

namespace selfsup::run {

struct FusedPath {
  bool fused = false;
  std::string name;  // "AVX-512, products of MKL"; "off": in single operators
  std::string note;  // of the log
};

// A run that is resumed takes the path of its checkpoint, unless the configuration forces one: only then it goes on
// exactly. Error(usage) when it asks for "on" where there is nothing to fuse with.
FusedPath fused_path(config::Fused wanted, at::Device device, const checkpoint::Manifest* resumed);

// The path of a checkpoint's run; those of hosts that fused nothing do not say it.
inline constexpr const char* fused_key = "fused";
std::string fused_path_of(const checkpoint::Manifest& manifest);

// What this processor would fuse with.
std::string fused_kernels();

// Error(usage) when the run was to be fused, and its first step has found nothing to fuse.
void require_fused(config::Fused wanted, int64_t fused_calls);

}  // namespace selfsup::run
