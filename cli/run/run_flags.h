// The flags of `bothy run`, and the RunOptions that they make.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "run/isolations/table.h"
#include "run/run_options.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library calls it so
class App;
}

namespace bothy {

// As texts, where the options have other types.
struct RunFlags {
  run::RunOptions options;
  std::vector<std::string> environment;
  std::vector<std::string> environment_files;
  std::vector<std::string> labels;
  std::vector<std::string> volumes;
  std::vector<std::string> mounts;
  std::vector<std::string> tmpfs;
  std::vector<std::string> ports;
  std::vector<std::string> limits;
  std::optional<std::string> entrypoint;
  std::string cpus;
  std::string memory;
  std::string processes;
  std::string storage;
  std::string network = "user";
  std::string pull = "missing";
  std::string timeout;
  std::string sandbox = "on";
  // Those not given are empty, or false.
  std::map<std::string, std::vector<std::string>, std::less<>> isolation_flags;
  std::map<std::string, bool, std::less<>> isolation_switches;
  bool json = false;
};

// `flags` outlives the command.
void add_run_flags(CLI::App& command, RunFlags& flags);

// `operands` follow the flags: the image, the command and its arguments. kInvalid for a flag's
// value that isn't one.
[[nodiscard]] Result<run::RunOptions> resolve_run_flags(const RunFlags& flags,
                                                        const std::vector<std::string>& operands);

}  // namespace bothy
