// SPDX-License-Identifier: Apache-2.0
// Operators by their ATen names and with ATen's semantics: every `kept` one of sdk/ops-1.txt. Others of that list take
// one line (op.hpp).
#pragma once
#include "ssp/cpp/ops_create.hpp"
#include "ssp/cpp/ops_fft.hpp"
#include "ssp/cpp/ops_index.hpp"
#include "ssp/cpp/ops_inplace.hpp"
#include "ssp/cpp/ops_linalg.hpp"
#include "ssp/cpp/ops_loss.hpp"
#include "ssp/cpp/ops_math.hpp"
#include "ssp/cpp/ops_nn.hpp"
#include "ssp/cpp/ops_reduce.hpp"
#include "ssp/cpp/ops_shape.hpp"
