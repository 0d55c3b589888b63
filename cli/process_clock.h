// The start time of this process.
#pragma once

#include <chrono>

namespace bothy {

// Called first in main(), for commands that show times. The CPU time used before, by exec and the
// loader, is subtracted.
void note_process_start() noexcept;
[[nodiscard]] std::chrono::steady_clock::time_point process_start() noexcept;

}  // namespace bothy
