// The host's own tables for components that components ask for: each call goes through a crossing with its checks.
#pragma once
#include "bridge/components/session.h"

namespace selfsup::bridge {

extern const ssp_backbone backbone_wrapper;
extern const ssp_backbone_tokens tokens_wrapper;

}  // namespace selfsup::bridge
