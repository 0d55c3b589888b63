// Inside: what system calls, processes, memory, files and the network cost the workload.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/areas/bench_run.h"

namespace bothy::bench {

// What `probe inside` printed: for each measure its repetitions, in operations (or bytes) and
// nanoseconds, or why it failed. Lines that aren't the probe's, a console's, are skipped.
struct InsideOutput {
  struct Repetition {
    double operations = 0;
    double nanoseconds = 0;
  };
  std::map<std::string, std::vector<Repetition>> repetitions;
  std::map<std::string, std::string> failures;
};
[[nodiscard]] InsideOutput parse_inside(std::string_view text);

// The probe's names of the metrics "<prefix><name>", in a new random order and separated by commas.
[[nodiscard]] std::string shuffled_measures(std::string_view prefix, Random& random);
// BenchRun::measurable() and note_unsupported() for all of these metrics.
[[nodiscard]] bool all_measurable(BenchRun& run, const Subject& subject, std::string_view prefix,
                                  const Parameters& parameters);
void note_all_unsupported(BenchRun& run, const Subject& subject, std::string_view prefix,
                          const Parameters& parameters, const std::string& reason);
// Adds what the probe has measured of these metrics in a start, or that this has failed, which is
// noted at one of them: "<prefix><failed>".
void record_inside(BenchRun& run, const Subject& subject, std::string_view prefix,
                   const Parameters& parameters, std::size_t session, const Start& start,
                   std::string_view failed);
// How often each measure is repeated in a start, and for how many milliseconds.
struct Repetitions {
  std::string count;
  std::string milliseconds;
};
[[nodiscard]] Repetitions repetitions(const BenchRun& run);

[[nodiscard]] Result<void> measure_inside(BenchRun& run);

}  // namespace bothy::bench
