#include "cli/bench/advise.h"

#include <filesystem>
#include <span>
#include <system_error>

#include "base/files.h"
#include "base/log.h"
#include "bench/report/advice.h"
#include "cli/json_text.h"

namespace bothy {
namespace {

void print(const bench::Advice& advice) {
  std::string text = text_of(advice);
  text.erase(text.find_last_not_of('\n') + 1);
  write_result(text);
}

// The image as results name it.
Result<void> require_image(const bench::Results& results, const std::string& directory,
                           const std::string& image) {
  std::error_code error;
  const std::string wanted = std::filesystem::absolute(image, error).string();
  const std::string measured = results.text("configuration", "image");
  if (error || wanted != measured) {
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
  print(advice);
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
  print(advice);
  return 0;
}

}  // namespace bothy
