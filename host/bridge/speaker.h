// Whose messages come through ssp.log on this thread. Any thread.
#pragma once

namespace selfsup::bridge {

void set_speaker(const char* plugin) noexcept;  // lives as long as it is set; null: none
const char* speaker() noexcept;

}  // namespace selfsup::bridge
