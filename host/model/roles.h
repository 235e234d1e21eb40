// What parameters are to those who treat some of them otherwise: optimizers, readers of weights. Knows no parameter.
#pragma once
#include <cstdint>

namespace selfsup::model {

// Bits of Entry::roles. The numbers are those of the SDK, which bridge/ holds them to.
enum Role : uint32_t {
  role_bias = 1,
  role_norm = 2,
  role_embedding = 4,
  role_token = 8,
  role_no_decay = 16,
  role_lars_exclude = 32
};

}  // namespace selfsup::model
