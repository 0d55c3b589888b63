// The values of flags of `bothy run` and `bothy exec`, parsed as Docker does. Errors name the flag.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "run/run_options.h"

namespace bothy {

// "NAME=VALUE", or "NAME" for the value of this process; skipped when it has none.
[[nodiscard]] Result<std::vector<std::string>> parse_environment(
    const std::vector<std::string>& texts);
// The same, one a line, with # for comments.
[[nodiscard]] Result<std::vector<std::string>> read_environment_file(const std::string& path);
// "[ADDRESS:]HOST:GUEST[/tcp|/udp]"
[[nodiscard]] Result<run::PublishedPort> parse_published_port(std::string_view text);
// "SOURCE:TARGET[:ro|:rw]"; the source must exist, and is made absolute.
[[nodiscard]] Result<run::Volume> parse_volume(std::string_view text);
// "type=bind|tmpfs,source=..,target=..[,readonly]", added to the volumes or the tmpfs mounts.
[[nodiscard]] Result<void> parse_mount(std::string_view text, run::RunOptions& options);
// "TARGET[:OPTIONS]"
[[nodiscard]] Result<run::TmpfsMount> parse_tmpfs(std::string_view text);
// "NAME=SOFT[:HARD]", names without RLIMIT_, "unlimited" or -1 for no limit.
[[nodiscard]] Result<run::Rlimit> parse_rlimit(std::string_view text);
// "missing", "never" or "always".
[[nodiscard]] Result<run::Pull> parse_pull(std::string_view text);
// "user", "none", "tap=NAME", "host" or "ns:PATH", which is made absolute.
[[nodiscard]] Result<void> parse_network(std::string_view text, run::RunOptions& options);
// "2" or "0.125", in thousandths of a CPU; more than 0.
[[nodiscard]] Result<std::uint64_t> parse_cpus(std::string_view text);
// A size of more than 0.
[[nodiscard]] Result<std::uint64_t> parse_memory_limit(std::string_view text);
// 1 to the largest number of processes that Linux can have.
[[nodiscard]] Result<std::uint64_t> parse_process_limit(std::string_view text);

}  // namespace bothy
