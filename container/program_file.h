// Programs as files in memory, to be executed by descriptor.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::container {

// An empty file in memory that may be executed, whatever the sysctl vm.memfd_noexec says. `name` is
// for /proc alone.
[[nodiscard]] Result<UniqueFd> make_program_file(const char* name);
// Nobody can change the file's content from then on.
[[nodiscard]] Result<void> seal_program_file(int file);
// Whether the file has been sealed so.
[[nodiscard]] bool is_sealed_program(int file) noexcept;

}  // namespace bothy::container
