// The programs that bothy calls where the work is theirs.
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

// `path` is where it was found; empty when it wasn't.
[[nodiscard]] Finding judge_helper(const Helper& helper, std::string_view path);

[[nodiscard]] Findings probe_helpers();

}  // namespace bothy::doctor
