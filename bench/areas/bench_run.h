// BenchRun: one run of `bothy bench`: its subjects, sessions and results. The areas (startup.h and
// the others beside it) measure with it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bench/measure/starts.h"
#include "bench/results/results.h"
#include "bench/results/validity.h"
#include "bench/statistics/random.h"
#include "bench/subjects/subject.h"

namespace bothy::bench {

struct BenchOptions {
  std::vector<std::string> subjects;  // names, in the order of reports; empty: all that are here
  std::string image;                  // the directory of a root file system; empty: an empty one
  std::vector<std::string> images;    // more of them, of the portability area
  std::string output;                 // the directory of the results
  std::string bothy;                  // this program's path
  std::string version;                // its version
  std::string kernel;                 // of machines; empty: there is none
  std::string command_line;           // for the record
  std::uint64_t seed = 1;
  std::uint64_t memory_mib = 128;
  std::size_t sessions = 5;
  std::size_t starts = 30;            // of each session
  std::size_t most_instances = 1000;  // of the density area
  bool quick = false;
  HostClass host_class = HostClass::kNone;
  std::string host_reason;  // for the class, in a line
  bool emulated_host = false;
  // Told what is being measured, and how much of it is done.
  std::function<void(std::string_view what, std::size_t done, std::size_t all)> progress;
};

class BenchRun {
 public:
  // Makes the output directory and the image, and finds the subjects that run here. `bench` must
  // outlive it.
  [[nodiscard]] static Result<BenchRun> prepare(const Bench& bench, BenchOptions options);
  BenchRun(BenchRun&&) = default;
  BenchRun(const BenchRun&) = delete;
  BenchRun& operator=(const BenchRun&) = delete;
  BenchRun& operator=(BenchRun&&) = delete;
  // Ends every instance that is left and removes all but the results.
  ~BenchRun();

  [[nodiscard]] const Bench& bench() const noexcept { return bench_; }
  [[nodiscard]] const BenchOptions& options() const noexcept { return options_; }
  [[nodiscard]] Results& results() noexcept { return results_; }
  [[nodiscard]] Random& random() noexcept { return random_; }
  // Those that are measured.
  [[nodiscard]] const std::vector<Subject*>& subjects() const noexcept { return chosen_; }
  [[nodiscard]] bool interrupted() const noexcept { return bench_.interrupt.requested(); }
  void note_noise(bool noisy) noexcept { circumstances_.noisy = noisy; }

  // Calls `body` once per session, with all subjects prepared in a workspace of its own. Stops
  // early when it is interrupted.
  using Session = std::function<Result<void>(const Workspace& workspace, std::size_t session)>;
  [[nodiscard]] Result<void> each_session(std::size_t sessions, const Session& body);

  // Makes `root` a copy of the file tree `image` (of nothing where it is empty), with the probe and
  // with what every subject mounts on.
  [[nodiscard]] Result<void> make_root(const std::string& image, const std::string& root) const;

  // An id that no instance had.
  [[nodiscard]] std::string new_id();
  // The subjects in a new random order.
  [[nodiscard]] std::vector<Subject*> shuffled();
  // Calls `body` for each subject, in a new random order in each of `rounds` rounds. Stops early
  // when it is interrupted.
  using Turn = std::function<Result<void>(Subject& subject, std::size_t round)>;
  [[nodiscard]] Result<void> each_subject(std::size_t rounds, const Turn& body);

  // Whether this host's figures of that kind mean anything: if not, the series says why, and the
  // caller measures nothing.
  [[nodiscard]] bool measurable(const Subject& subject, std::string_view metric,
                                const Parameters& parameters = {});
  // The subject itself can't do what is measured.
  void note_unsupported(const Subject& subject, std::string_view metric,
                        const Parameters& parameters, const std::string& reason);
  // Adds a start's iterations. Nothing is added where it isn't measurable().
  void add(const Subject& subject, std::string_view metric, const Parameters& parameters,
           std::size_t session, std::vector<double> iterations);
  void add_failure(const Subject& subject, std::string_view metric, const Parameters& parameters,
                   const std::string& failure);
  void add_first(const Subject& subject, std::string_view metric, double value);

  void progress(std::string_view what, std::size_t done, std::size_t all) const;
  // Writes what there is so far to OUTPUT/bench.json, at once and whole.
  [[nodiscard]] Result<void> save();

 private:
  BenchRun(const Bench& bench, BenchOptions options)
      : bench_(bench), options_(std::move(options)), random_(options_.seed) {}

  [[nodiscard]] Result<void> find_subjects();
  [[nodiscard]] Result<void> try_subject(Subject& subject, MeasuredSubject& record);
  [[nodiscard]] Workspace workspace(const std::string& name) const;
  void describe();

  const Bench& bench_;
  BenchOptions options_;
  Random random_;
  Results results_;
  Circumstances circumstances_;
  Subjects all_;
  std::vector<Subject*> chosen_;
  std::string work_;  // empty after it has been moved from
  std::uint64_t last_id_ = 0;
};

}  // namespace bothy::bench
