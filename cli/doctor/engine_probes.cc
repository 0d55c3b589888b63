#include "cli/doctor/engine_probes.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <csignal>
#include <vector>

#include "base/files.h"
#include "base/find_program.h"
#include "base/process.h"

namespace bothy::doctor {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);
constexpr const char* kPodmanFields =
    "{{.Host.OCIRuntime.Path}}\n{{.Host.CgroupManager}}\n{{.Version.Version}}";

// What the program writes to `descriptor`; nothing when it doesn't end in time.
Result<std::optional<Answer>> run(const std::vector<std::string>& command,
                                  const std::string& program, int descriptor) {
  ProcessOptions options;
  options.arguments = command;
  options.program = program;
  options.captured = {descriptor};
  options.death_signal = SIGKILL;
  BOTHY_TRY(Process process, Process::start(options));
  const auto deadline = Process::Clock::now() + kPatience;
  process.read_output({.deadline = deadline});
  const auto end = process.wait_until(deadline);
  return end ? std::optional(Answer{end->succeeded(), process.output(), {}}) : std::nullopt;
}

// The answer of a program in PATH; nothing: it isn't there. One that fails is run again for the
// reason, since warnings would be among what it answers.
std::optional<Answer> ask(const std::vector<std::string>& command) {
  const auto program = find_program(command.front(), path_variable(), {"/usr/sbin", "/sbin"});
  if (!program) {
    return std::nullopt;
  }
  const auto answer = run(command, *program, STDOUT_FILENO);
  if (answer && answer.value() && answer.value()->succeeded) {
    return answer.value();
  }
  const auto reason = answer && !answer.value() ? answer : run(command, *program, STDERR_FILENO);
  if (!reason) {
    return Answer{false, {}, reason.error().context};
  }
  return Answer{false,
                {},
                reason.value() ? last_line(reason.value()->output)
                               : fmt::format("no answer within {} s", kPatience.count())};
}

// Settings are installed beside the executable: PREFIX/bin and PREFIX/share/bothy.
std::string settings_directory() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  std::string prefix(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  for (int i = 0; i < 2; ++i) {
    prefix.erase(std::min(prefix.rfind('/'), prefix.size()));
  }
  const std::string directory = prefix + "/share/bothy";
  return exists(directory + "/containers.conf") ? directory : std::string();
}

}  // namespace

Findings probe_engines() {
  const Installed installed{find_program("bothy-oci", path_variable()).value_or(""),
                            settings_directory()};
  return {judge_runtime(installed),
          judge_podman(ask({"podman", "--runtime", "bothy", "info", "--format", kPodmanFields}),
                       installed),
          judge_containerd(ask({"containerd", "config", "dump"}), installed),
          judge_docker(ask({"docker", "info", "--format", "{{json .Runtimes}}"}), installed)};
}

}  // namespace bothy::doctor
