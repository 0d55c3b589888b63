// The program of `--init`, embedded in this executable.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::container {

// A file in memory with the program (container/init), sealed against changes, for
// LaunchOptions::init.
[[nodiscard]] Result<UniqueFd> open_init_program();

}  // namespace bothy::container
