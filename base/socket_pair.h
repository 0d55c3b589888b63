// SocketPair: the two ends of a unix stream: `ours` for this process, `theirs` for a child process.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;

  // Both close-on-exec and blocking.
  [[nodiscard]] static Result<SocketPair> create();
};

}  // namespace bothy
