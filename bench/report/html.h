// The report as one page: tables that need no script, distributions that are drawn by one,
// everything in one file.
#pragma once

#include <string>

#include "base/result.h"
#include "bench/results/results.h"

namespace bothy::bench {

[[nodiscard]] std::string html_report(const Results& results);

}  // namespace bothy::bench
