// Text inside XML and HTML. Knows no document.
#pragma once
#include <string>
#include <string_view>

namespace selfsup::report {

// With & < > " ' as entities: text for elements and quoted attributes. Bytes that are no UTF-8, and characters that XML
// does not have, become U+FFFD.
std::string escaped(std::string_view text);

}  // namespace selfsup::report
