// Child: a program of a subject's that runs, with its streams.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::bench {

// A command line, as a user would type it.
struct Invocation {
  std::vector<std::string> arguments;
  std::vector<std::string> environment = {};  // "NAME=VALUE", besides this process's own
  std::string directory = {};                 // empty: this process's own

  // For messages and for the record: quoted for a shell where needed.
  [[nodiscard]] std::string text() const;
};

enum class Input { kNone, kPipe };

struct Child {
  pid_t pid = -1;
  UniqueFd pidfd;
  UniqueFd in;   // with Input::kPipe
  UniqueFd out;  // non-blocking, as `err`
  UniqueFd err;
  std::int64_t started_ns = 0;  // just before the program was started
};

// In a session of its own: a terminal's Ctrl-C is the benchmark's to handle. The Reaper collects
// it.
[[nodiscard]] Result<Child> start_child(const Invocation& invocation, Input input = Input::kNone);

// Appends what can be read without waiting, and drops all but the last `limit` bytes. False at the
// stream's end.
bool read_available(int fd, std::string& text, std::size_t limit);

}  // namespace bothy::bench
