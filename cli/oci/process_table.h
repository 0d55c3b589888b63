// The output of ps(1).
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy {

// The heading and the lines of the processes given, by the column PID; without the last newline.
// kInvalid when there is no such column.
[[nodiscard]] Result<std::string> rows_of_processes(std::string_view table,
                                                    const std::set<pid_t>& pids);

}  // namespace bothy
