#include "cli/bench/reports.h"

#include <algorithm>

#include "bench/report/compare.h"
#include "bench/report/html.h"
#include "bench/report/text.h"
#include "bench/results/results.h"
#include "cli/json_text.h"

namespace bothy {
namespace {

std::string report_of(const bench::Results& results, const std::string& format) {
  if (format == "markdown") {
    return bench::markdown_report(results);
  }
  if (format == "csv") {
    return bench::csv_report(results);
  }
  return format == "html" ? bench::html_report(results) : bench::text_report(results);
}

bool has(const bench::Comparison& comparison, bench::Change change) {
  return std::ranges::count(comparison.differences, change, &bench::Difference::change) > 0;
}

}  // namespace

void print_report(std::string text) {
  text.erase(text.find_last_not_of('\n') + 1);
  write_result(text);
}

Result<int> report_runs(const ReportFlags& flags) {
  for (const std::string& directory : flags.directories) {
    BOTHY_TRY(const bench::Results results, bench::read_results(directory));
    print_report(report_of(results, flags.format));
  }
  return 0;
}

Result<int> report_comparison(const bench::Results& before, const bench::Results& after,
                              double threshold) {
  BOTHY_TRY(const bench::Comparison comparison, bench::compare(before, after, threshold / 100));
  print_report(text_of(comparison));
  if (has(comparison, bench::Change::kSlower)) {
    return kSlower;
  }
  return has(comparison, bench::Change::kInconclusive) ? kInconclusive : kNothingSlower;
}

Result<int> compare_runs(const CompareFlags& flags) {
  BOTHY_TRY(const bench::Results before, bench::read_results(flags.before));
  BOTHY_TRY(const bench::Results after, bench::read_results(flags.after));
  return report_comparison(before, after, flags.threshold);
}

}  // namespace bothy
