/* SPDX-License-Identifier: Apache-2.0 */
/* Everything stable in one include. */
#ifndef SSP_ABI_H
#define SSP_ABI_H

#include "ssp/algorithm.h"
#include "ssp/backbone.h"
#include "ssp/base.h"
#include "ssp/batch_norm.h"
#include "ssp/call.h"
#include "ssp/config.h"
#include "ssp/dist.h"
#include "ssp/edit.h"
#include "ssp/entry.h"
#include "ssp/log.h"
#include "ssp/nn.h"
#include "ssp/ops.h"
#include "ssp/params.h"
#include "ssp/registry.h"
#include "ssp/rng.h"
#include "ssp/sink.h"
#include "ssp/transform.h"

#endif
