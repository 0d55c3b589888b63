// Whether container engines are set up to use bothy as their runtime. They are asked themselves,
// since each merges several files of settings. judge_*() are pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/doctor/finding.h"

namespace bothy::doctor {

// What an engine's program answered.
struct Answer {
  bool succeeded = false;
  std::string output;   // of stdout
  std::string message;  // why it failed, in a line
};

// What of bothy's is installed.
struct Installed {
  std::string runtime;   // the path of bothy-oci; empty: not found
  std::string settings;  // the directory of the settings for engines; empty: not found
};

// The id of the finding that is about no engine.
inline constexpr std::string_view kRuntimeFinding = "bothy-oci";
[[nodiscard]] Finding judge_runtime(const Installed& installed);

// `info`: of `podman --runtime bothy info`, three lines: the runtime's path, the cgroup manager and
// the version. Nothing, here and below: the engine isn't installed.
[[nodiscard]] Finding judge_podman(const std::optional<Answer>& info, const Installed& installed);
// `config`: of `containerd config dump`, TOML with a line for each value.
[[nodiscard]] Finding judge_containerd(const std::optional<Answer>& config,
                                       const Installed& installed);
// `runtimes`: of `docker info`, a JSON object.
[[nodiscard]] Finding judge_docker(const std::optional<Answer>& runtimes,
                                   const Installed& installed);

// Asks each engine, for some seconds at most.
[[nodiscard]] Findings probe_engines();

}  // namespace bothy::doctor
