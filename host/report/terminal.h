// What the terminal and its locale can show. Knows nothing of what is shown.
#pragma once

namespace selfsup::report {

bool terminal_is_dumb();  // TERM says that it cannot move the cursor
bool locale_is_utf8();    // as the environment says

}  // namespace selfsup::report
