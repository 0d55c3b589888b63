// What of this program stays in memory while a guest runs.
#pragma once

namespace bothy {

// Unmaps the pages of the program's own code and constants. Those still in use come back from the
// page cache, a fault each; what only set-up needed (the command line, loading kernels) doesn't,
// and counts no longer as this process's memory. Harmless at any time, from any thread.
void release_program_pages() noexcept;

}  // namespace bothy
