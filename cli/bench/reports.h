// `bothy bench report` and `bothy bench compare`: files of earlier runs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace bothy {

struct ReportFlags {
  std::vector<std::string> directories;
  std::string format = "text";  // text, markdown, csv or html
};
// Prints a report of each run.
[[nodiscard]] Result<int> report_runs(const ReportFlags& flags);

struct CompareFlags {
  std::string before;
  std::string after;
  double threshold = 5;  // percent
};
// 0: nothing is slower; 1: something is; 2: nothing is, and something is inconclusive.
[[nodiscard]] Result<int> compare_runs(const CompareFlags& flags);

}  // namespace bothy
