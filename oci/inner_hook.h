// One hook that a container's process runs, from its request to its end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/process.h"
#include "base/result.h"

namespace bothy::oci {

struct InnerHookEnd {
  std::optional<ProcessEnd> end;  // nothing: it runs longer than it may
  std::string output;             // its last Process::kMaxOutput bytes
};

// Answers a process that has asked for its next hook on `socket`, with the hook's stdin, and waits
// for the hook's end: at most `timeout` seconds, 0 without a limit. An error when the hook couldn't
// be executed, or the process has ended.
[[nodiscard]] Result<InnerHookEnd> run_inner_hook(int socket, int input, std::uint32_t timeout);

// The pid of a process in its own PID namespace.
[[nodiscard]] Result<pid_t> pid_inside(pid_t pid);

}  // namespace bothy::oci
