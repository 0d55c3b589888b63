// Reports as text: for a terminal, as Markdown, as comma-separated values.
#pragma once

#include <string>
#include <vector>

#include "bench/report/table.h"

namespace bothy::bench {

// The medians of all subjects side by side, and microVM over container with its interval; then what
// is to be known of them. No colours.
[[nodiscard]] std::string text_report(const Results& results);
// Two tables for a README, figures and facts, with where they were measured.
[[nodiscard]] std::string markdown_report(const Results& results);
// A line for each series: RFC 4180.
[[nodiscard]] std::string csv_report(const Results& results);

// Where and with what it was measured, in a line.
[[nodiscard]] std::string where(const Results& results);
// What a reader must know of the figures, a line each: noise, validity, failures.
[[nodiscard]] std::vector<std::string> remarks(const Results& results);

}  // namespace bothy::bench
