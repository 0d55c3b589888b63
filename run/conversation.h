// converse(): a client's terminal, or its standard streams, and a process of an instance.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "run/run_options.h"

namespace bothy::run {

struct ConversationOptions {
  bool input = false;     // stdin goes to the process
  bool terminal = false;  // the process has a terminal, and stdin may be one
  // Whether the process runs on when the client's output breaks (EPIPE): the client then leaves.
  // Otherwise the process gets SIGPIPE.
  bool detach_on_broken_output = false;
  // This process stands for the other one: whatever signal it gets goes there, no matter how often,
  // and no key leaves it.
  bool stands_in = false;
  // The `api` socket of the instance that the third SIGINT or SIGTERM in a row kills. When it is
  // empty, and at the fourth, the client leaves the process alone and ends as of that signal.
  std::string kill_by;
};

// The exit code of a conversation that the user has left with Ctrl-P Ctrl-Q.
inline constexpr int kDetached = -1;

struct Outcome {
  int code = 0;
  std::string error;     // what bothy itself failed at; may be empty
  std::string timeline;  // Timeline::text() of the owner
};

// Talks with the process at the other end of `socket` until it ends. The calling thread's; stdin,
// stdout and stderr are the process's meanwhile. Signals that would end the client go to the
// process.
[[nodiscard]] Result<Outcome> converse(const UniqueFd& socket, const ConversationOptions& options);

// Writes all, waiting for room in a descriptor that doesn't block; false when nothing more can be
// written.
[[nodiscard]] bool write_out(int fd, std::span<const std::byte> bytes) noexcept;

// Sets the size of the client's terminal, if it has one, in a process's options.
void take_terminal_size(ProcessOptions& options);

}  // namespace bothy::run
