// Signals to a container's first process, which is PID 1 of its PID namespace.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace bothy::run {

// Whether the signal would end a process with this /proc/PID/status, and the kernel drops it
// because the process is PID 1 (pid_namespaces(7)): it neither catches, ignores nor blocks the
// signal, whose default action is to end the process.
[[nodiscard]] bool is_dropped_for_init(std::string_view status, int signal) noexcept;

// The same for the process with this id; false where its status can't be read.
[[nodiscard]] bool is_dropped_for_init(pid_t pid, int signal);

}  // namespace bothy::run
