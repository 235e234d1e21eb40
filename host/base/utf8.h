// Whether bytes are UTF-8. Knows nobody.
#pragma once
#include <cstddef>
#include <string_view>

namespace selfsup {

// Offset of the first byte that is not UTF-8 (RFC 3629: no overlong forms, no surrogates), else npos.
size_t utf8_error(std::string_view text) noexcept;

inline bool valid_utf8(std::string_view text) noexcept { return utf8_error(text) == std::string_view::npos; }

}  // namespace selfsup
