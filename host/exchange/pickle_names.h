// Which names a pickle may have, and what they mean. Knows no pickle.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace selfsup::exchange {

enum class PickleName {
  dictionary,    // called, it makes one, of what it is given
  tensor,        // (storage, offset, sizes, strides, …)
  typed_tensor,  // the same, and the dtype as the seventh
  parameter,     // (tensor, …)
  storage,       // the type of one
  dtype,
  harmless  // whatever is done with it has no contents here
};

// What "module.name" means; none: it is refused.
std::optional<PickleName> meaning_of(std::string_view name);

// Of a storage's type or a dtype, as in safetensors; "" when it is one without a type, or one that is not read here.
std::string dtype_of(std::string_view name);

}  // namespace selfsup::exchange
