#include "bench/areas/portability.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>

#include "base/files.h"
#include "base/find_program.h"
#include "bench/probe_program.h"

namespace bothy::bench {
namespace {

constexpr std::string_view kTime = "portability.prepare";
constexpr std::string_view kBytes = "portability.bytes";
constexpr std::chrono::minutes kLimit{5};
constexpr std::string_view kSaid = "the image's own shell runs";

// Of a file tree, each hard link once, other file systems on it left out. `flag`: which bytes.
Result<double> bytes_of(const BenchRun& run, const std::string& directory, const char* flag) {
  BOTHY_TRY(const std::string text,
            run_command(run.bench(), {{"du", "-sx", flag, "--", directory}}, kLimit));
  std::uint64_t bytes = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), bytes).ec != std::errc()) {
    return make_error(ErrorCode::kBadInput, "du says '{}'", last_line(text));
  }
  return static_cast<double>(bytes);
}

// `workspace` with another directory (a short name: sockets' paths have 108 bytes), and with
// another image where `root` isn't empty.
Workspace apart(const Workspace& workspace, const std::string& name, const std::string& root = {}) {
  Workspace made = workspace;
  made.directory = workspace.directory + "/" + name;
  made.root = root.empty() ? workspace.root : root;
  return made;
}

// The last `count` components of a path; the whole where it has no more.
std::string end_of(std::string path, std::size_t count) {
  path.erase(std::max<std::size_t>(path.find_last_not_of('/') + 1, 1));
  std::size_t at = path.size();
  for (; count > 0; --count) {
    at = at == 0 ? std::string::npos : path.rfind('/', at - 1);
    if (at == std::string::npos || path.size() == 1) {
      return path;
    }
  }
  return path.substr(at + 1);
}

// Runs `body` with the subject prepared in a workspace that is removed afterwards.
Result<void> prepared(BenchRun& run, Subject& subject, const Workspace& workspace,
                      const std::function<Result<void>(std::int64_t)>& body) {
  BOTHY_TRY(make_directories(workspace.directory));
  const auto begun = now_ns();
  const auto made = subject.prepare(run.bench(), workspace);
  auto done = made ? body(now_ns() - begun) : made;
  const auto cleaned = subject.clean(run.bench(), workspace);
  const auto removed = remove_tree(workspace.directory);
  if (!done) {
    return done;
  }
  return cleaned ? removed : cleaned;
}

Result<void> prepare_once(BenchRun& run, Subject& subject, const Workspace& workspace,
                          std::size_t session) {
  return prepared(run, subject, workspace, [&](std::int64_t taken) -> Result<void> {
    BOTHY_TRY(const Invocation invocation, subject.run(workspace, run.new_id(), {"first"}));
    const Batch batch =
        run_starts(run.bench(), {invocation},
                   {std::string(1, kProbeFirstByte), subject.success_text(), kLimit});
    if (batch.interrupted) {
      return success();
    }
    const Start& start = batch.starts[0];
    if (!start.failure.empty()) {
      run.add_failure(subject, kBytes, {}, start.failure);
      return success();
    }
    run.add(subject, kTime, {}, session, {static_cast<double>(taken + start.awaited_ns)});
    BOTHY_TRY(const double bytes, bytes_of(run, workspace.directory, "--block-size=1"));
    run.add(subject, kBytes, {}, session, {bytes});
    return success();
  });
}

// Why the image doesn't start in the subject; empty: it does.
Result<std::string> why_not(BenchRun& run, Subject& subject, const Workspace& workspace) {
  std::string reason;
  BOTHY_TRY(prepared(run, subject, workspace, [&](std::int64_t /*taken*/) -> Result<void> {
    BOTHY_TRY(const Invocation invocation,
              subject.run(workspace, run.new_id(),
                          {"exec", "/bin/sh", "-c", fmt::format("echo \"{}\"", kSaid)}));
    const Batch batch =
        run_starts(run.bench(), {invocation}, {std::string(kSaid), subject.success_text(), kLimit});
    reason = batch.interrupted ? "interrupted" : batch.starts[0].failure;
    return success();
  }));
  return printable(reason);
}

Result<void> try_images(BenchRun& run, const Workspace& workspace) {
  const auto& images = run.options().images;
  const std::vector<std::string> names = image_names(images);
  for (std::size_t i = 0; i < images.size() && !run.interrupted(); ++i) {
    const std::string root = fmt::format("{}/image-{}", workspace.directory, i);
    BOTHY_TRY(run.make_root(images[i], root));
    for (Subject* subject : run.subjects()) {
      // A process has no other root than the host's.
      if (run.interrupted() || subject->kind() == Kind::kProcess ||
          !run.measurable(*subject, kBytes)) {
        continue;
      }
      run.progress(fmt::format("{}: images that start", subject->name()), i, images.size());
      const auto tried = why_not(run, *subject, apart(workspace, "new", root));
      if (!run.interrupted()) {
        const std::string reason = tried ? tried.value() : printable(tried.error().context);
        run.results().facts.push_back({"starts", names[i], std::string(subject->name()),
                                       reason.empty() ? "yes" : "no", reason});
      }
    }
    BOTHY_TRY(remove_tree(root));
  }
  return success();
}

}  // namespace

std::vector<std::string> image_names(const std::vector<std::string>& directories) {
  std::vector<std::string> names;
  for (const std::string& directory : directories) {
    std::size_t count = 1;
    const auto ambiguous = [&](const std::string& other) {
      return end_of(other, count) == end_of(directory, count);
    };
    while (std::ranges::count_if(directories, ambiguous) > 1 &&
           end_of(directory, count) != end_of(directory, count + 1)) {
      ++count;
    }
    names.push_back(printable(end_of(directory, count)));
  }
  return names;
}

Result<void> measure_portability(BenchRun& run) {
  const std::size_t rounds =
      std::min<std::size_t>(run.options().starts, run.options().quick ? 2 : 10);
  return run.each_session(1, [&](const Workspace& workspace, std::size_t session) -> Result<void> {
    BOTHY_TRY(const double bytes, bytes_of(run, workspace.root, "--bytes"));
    run.results().facts.push_back(
        {"image", "bytes", "", fmt::format("{:.0f}", bytes), "of its files, the probe included"});
    BOTHY_TRY(run.each_subject(rounds, [&](Subject& subject, std::size_t round) {
      // A process runs from the file tree itself: there is nothing to prepare.
      if (subject.kind() == Kind::kProcess || !run.measurable(subject, kBytes)) {
        return Result<void>(success());
      }
      run.progress(fmt::format("{}: an image until it runs", subject.name()), round, rounds);
      return prepare_once(run, subject, apart(workspace, "new"), session);
    }));
    return try_images(run, workspace);
  });
}

}  // namespace bothy::bench
