// The kinds of edits that a transform said it would append. Knows no edit.
#pragma once
#include <bitset>

#include "ssp/edit.h"

namespace selfsup::bridge {

using EditKinds = std::bitset<SSP_EDIT_ERASE + 1>;

}  // namespace selfsup::bridge
