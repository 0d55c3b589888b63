#include "cli/bench/advise.h"

#include <span>

#include "base/files.h"
#include "base/log.h"
#include "bench/report/advice.h"
#include "cli/bench/reports.h"

namespace bothy {
namespace {

// The image as results name it.
Result<void> require_image(const bench::Results& results, const std::string& directory,
                           const std::string& image) {
  BOTHY_TRY(const std::string wanted, absolute_path(image));
  const std::string measured = results.text("configuration", "image");
  if (wanted != measured) {
    return make_error(ErrorCode::kInvalid, "'{}' has measured another image: {}",
                      printable(directory), printable(measured));
  }
  return success();
}

Result<int> measure_and_advise(BenchFlags flags) {
  flags.areas = {"startup", "memory", "inside", "network", "storage", "isolation", "portability"};
  flags.subjects = {"vm", "container"};
  flags.quick = true;
  BOTHY_TRY(const Measured measured, measure_bench(flags, [](const bench::Results& described) {
              return bench::require_both({&described, 1});
            }));
  BOTHY_TRY(const bench::Advice advice, bench::advise({&measured.results, 1}));
  print_report(text_of(advice));
  return measured.interrupted ? 1 : 0;
}

}  // namespace

Result<int> advise_runs(const AdviseFlags& flags) {
  if (flags.directories.empty()) {
    return measure_and_advise(flags.measure);
  }
  std::vector<bench::Results> runs;
  for (const std::string& directory : flags.directories) {
    BOTHY_TRY(runs.emplace_back(), bench::read_results(directory));
    if (!flags.measure.image.empty()) {
      BOTHY_TRY(require_image(runs.back(), directory, flags.measure.image));
    }
  }
  BOTHY_TRY(const bench::Advice advice, bench::advise(runs));
  print_report(text_of(advice));
  return 0;
}

}  // namespace bothy
