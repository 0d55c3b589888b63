// The report, for people and for programs.
#pragma once

#include <string>

#include "cli/doctor/finding.h"

namespace bothy::doctor {

// Grouped and aligned, with a verdict as the last line.
[[nodiscard]] std::string format_text(const Findings& findings, bool colour);

// {"microvms": bool, "findings": [{"id", "group", "status", "found", "meaning", "remedy"}]}, and a
// newline. Findings about engines have "engines" instead of "microvms".
[[nodiscard]] std::string format_json(const Findings& findings);

}  // namespace bothy::doctor
