// Initial values as plugins state them, for the store. Knows no build.
#pragma once
#include <string>

#include "model/init.h"
#include "ssp/params.h"

namespace selfsup::bridge {

// Failure(SSP_E_ARGUMENT) naming `name`, the parameter.
model::InitSpec to_spec(const ssp_init* init, const std::string& name);
void check_init(const model::InitSpec& spec, at::IntArrayRef sizes, uint64_t bytes, const std::string& name);

}  // namespace selfsup::bridge
