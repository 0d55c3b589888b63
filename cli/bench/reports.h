// `bothy bench report` and `bothy bench compare`: files of earlier runs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bench/results/results.h"

namespace bothy {

// Prints a report, whose last line ends as any other.
void print_report(std::string text);

struct ReportFlags {
  std::vector<std::string> directories;
  std::string format = "text";  // text, markdown, csv or html
};
// Prints a report of each run.
[[nodiscard]] Result<int> report_runs(const ReportFlags& flags);

inline constexpr double kThreshold = 5;  // percent, by default
struct CompareFlags {
  std::string before;
  std::string after;
  double threshold = kThreshold;
};

// Exit statuses of a comparison.
inline constexpr int kNothingSlower = 0;
inline constexpr int kSlower = 1;
inline constexpr int kInconclusive = 2;  // and nothing is slower
// Prints it; `threshold` in percent.
[[nodiscard]] Result<int> report_comparison(const bench::Results& before,
                                            const bench::Results& after, double threshold);
[[nodiscard]] Result<int> compare_runs(const CompareFlags& flags);

}  // namespace bothy
