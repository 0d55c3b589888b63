// The program's own resident memory while a guest or a container runs.
#pragma once

namespace bothy {

// Unmaps the pages of the program's code and constants. Pages in use come back from the page cache,
// with a fault each; those that only set-up needed (the command line, loading kernels) no longer
// count as this process's memory. Any thread, at any time.
void release_program_pages() noexcept;

// The same, and gives free pages of the heap and of the main thread's stack back to the kernel: for
// a process with nothing to do.
void release_idle_memory() noexcept;

}  // namespace bothy
