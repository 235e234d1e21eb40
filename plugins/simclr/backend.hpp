// The key `backend` of transforms: whose rounding and kernels are followed.
#pragma once
#include "ssp/cpp/edit.hpp"
#include "ssp/cpp/scope.hpp"

enum class Backend { pillow, torchvision };

inline Backend read_backend(const ssp::Scope& scope) {
  return scope.get("backend", "pillow") == "torchvision" ? Backend::torchvision : Backend::pillow;
}

inline ssp_edit as(Backend backend, const ssp_edit& edit) {
  return backend == Backend::torchvision ? ssp::edit::as_torchvision(edit) : edit;
}
