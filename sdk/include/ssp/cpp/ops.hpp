// SPDX-License-Identifier: Apache-2.0
// Operators by their ATen names and with ATen's semantics. Those of sdk/ops-1.txt that are not here: one line (op.hpp).
#pragma once
#include "ssp/cpp/ops_create.hpp"
#include "ssp/cpp/ops_index.hpp"
#include "ssp/cpp/ops_inplace.hpp"
#include "ssp/cpp/ops_math.hpp"
#include "ssp/cpp/ops_nn.hpp"
#include "ssp/cpp/ops_shape.hpp"
