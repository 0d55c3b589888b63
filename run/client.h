// What a client asks an instance's owner for: one function for each request (requests.h). Each
// waits for the answer. Errors: kNotFound with the instance's status when it has no owner, the
// owner's own message when it refuses.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "run/instance.h"
#include "run/requests.h"

namespace bothy::run {

// Ends the instance: its stop signal, then SIGKILL after `timeout` seconds. Gives its exit code.
[[nodiscard]] Result<int> ask_stop(const Instance& instance, std::uint32_t timeout);
// The exit code of the instance, once it has ended.
[[nodiscard]] Result<int> ask_wait(const Instance& instance);
[[nodiscard]] Result<void> ask_kill(const Instance& instance, int signal);
[[nodiscard]] Result<void> ask_pause(const Instance& instance);
[[nodiscard]] Result<void> ask_resume(const Instance& instance);
[[nodiscard]] Result<Statistics> ask_statistics(const Instance& instance);
[[nodiscard]] Result<PathInfo> ask_path_info(const Instance& instance, const std::string& path);

// Connections that go on as converse() (conversation.h) or a copy (copy.h).
[[nodiscard]] Result<UniqueFd> open_attach(const Instance& instance);
[[nodiscard]] Result<UniqueFd> open_exec(const Instance& instance, ExecRequest request);
[[nodiscard]] Result<UniqueFd> open_copy_in(const Instance& instance, const std::string& path);
[[nodiscard]] Result<UniqueFd> open_copy_out(const Instance& instance, const std::string& path);

// Starts a process that no client waits for.
[[nodiscard]] Result<StartOutcome> ask_exec_detached(const Instance& instance, ExecRequest request);
// Of the connection that start() gives for a detached instance.
[[nodiscard]] Result<StartOutcome> receive_start_outcome(const UniqueFd& socket);

}  // namespace bothy::run
