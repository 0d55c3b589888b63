// When this process started, as well as it can know.
#pragma once

#include <chrono>

namespace bothy {

// Notes the start; main() calls it first. The processor time that has gone by then, in exec and in
// the loader, is counted as time before it.
void note_process_start() noexcept;
[[nodiscard]] std::chrono::steady_clock::time_point process_start() noexcept;

}  // namespace bothy
