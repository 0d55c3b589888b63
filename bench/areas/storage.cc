#include "bench/areas/storage.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <chrono>

#include "base/files.h"
#include "bench/areas/inside.h"
#include "bench/areas/take_line.h"

namespace bothy::bench {
namespace {

constexpr std::string_view kPrefix = "storage.";
constexpr std::array kPlaces{Place::kRoot, Place::kVolume, Place::kDisk};
constexpr std::chrono::minutes kLimit{5};
// What bothy's container says of a volume on a file system that this kernel can't idmap.
constexpr std::string_view kNoMapping = "can't map the owners of the files";

Parameters at(Place place) {
  return {{"at", std::string(name_of(place))}};
}

void note_file_system(BenchRun& run, const Subject& subject, Place place, const Start& start) {
  const std::string name(name_of(place));
  const std::string type = parse_file_system(start.output);
  if (start.failure.empty() && !type.empty() &&
      run.results().find_fact("file system", name, subject.name()) == nullptr) {
    run.results().facts.push_back(
        {"file system", name, std::string(subject.name()), type, "as the workload sees it"});
  }
}

Result<void> measure_place(BenchRun& run, const Subject& subject, const Workspace& workspace,
                           std::size_t session, Place place) {
  if (!all_measurable(run, subject, kPrefix, at(place))) {
    return success();
  }
  const Repetitions each = repetitions(run);
  // Containers share the host's cache, which the data are to be in.
  const char* cache = subject.kind() == Kind::kVm ? "drop" : "keep";
  const auto invocation = subject.run_writing(
      workspace, run.new_id(), place,
      {"storage", shuffled_measures(kPrefix, run.random()), each.count, each.milliseconds, cache});
  if (!invocation && invocation.error().code == ErrorCode::kUnsupported) {
    note_all_unsupported(run, subject, kPrefix, at(place), invocation.error().context);
    return success();
  }
  BOTHY_TRY(invocation);
  const Batch batch =
      run_starts(run.bench(), {invocation.value()}, {"end", subject.success_text(), kLimit});
  if (batch.interrupted) {
    return success();
  }
  const Start& start = batch.starts[0];
  if (start.failure.find(kNoMapping) != std::string::npos) {
    note_all_unsupported(run, subject, kPrefix, at(place), start.failure);
  } else {
    note_file_system(run, subject, place, start);
    record_inside(run, subject, kPrefix, at(place), session, start, "sync-write");
  }
  return success();
}

}  // namespace

std::string parse_file_system(std::string_view text) {
  constexpr std::string_view kBegin = "file-system ";
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.starts_with(kBegin)) {
      return printable(line.substr(kBegin.size()));
    }
  }
  return {};
}

Result<void> measure_storage(BenchRun& run) {
  const std::size_t rounds = run.options().quick ? 1 : 2;
  const std::size_t sessions = run.options().sessions;
  return run.each_session(
      sessions, [&](const Workspace& workspace, std::size_t session) -> Result<void> {
        BOTHY_TRY(make_directories(workspace.volume()));
        // Containers have users of their own.
        if (::chmod(workspace.volume().c_str(), 01777) != 0) {
          return errno_error("can't make '" + workspace.volume() + "' writable");
        }
        for (std::size_t round = 0; round < rounds; ++round) {
          for (const Place place : kPlaces) {
            BOTHY_TRY(run.each_subject(1, [&](Subject& subject, std::size_t) {
              run.progress(fmt::format("{}: storage", subject.name()), session * rounds + round,
                           sessions * rounds);
              return measure_place(run, subject, workspace, session, place);
            }));
          }
        }
        return success();
      });
}

}  // namespace bothy::bench
