// Programs as files in memory, to be executed by descriptor.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::container {

// A file in memory with the program, which nobody can change. `name` is for /proc alone. Where the
// sysctl vm.memfd_noexec forbids such files, root gets one of a file system that nobody else sees;
// kUnsupported for other users.
[[nodiscard]] Result<UniqueFd> make_program_file(const char* name,
                                                 std::span<const std::byte> program);

}  // namespace bothy::container
