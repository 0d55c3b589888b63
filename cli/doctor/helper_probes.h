// Other programs that bothy uses.
#pragma once

#include <string>
#include <string_view>

#include "cli/doctor/finding.h"

namespace bothy::doctor {

struct Helper {
  std::string_view program;
  std::string_view purpose;
  std::string_view package;  // Debian's
};

// `path` is where the program was found, or empty.
[[nodiscard]] Finding judge_helper(const Helper& helper, std::string_view path);

[[nodiscard]] Findings probe_helpers();

}  // namespace bothy::doctor
