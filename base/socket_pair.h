// SocketPair: the two ends of a unix socket: `ours` for this process, `theirs` for a child process.
#pragma once

#include <sys/socket.h>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;

  // Both close-on-exec and blocking. `type`: SOCK_STREAM or SOCK_SEQPACKET.
  [[nodiscard]] static Result<SocketPair> create(int type = SOCK_STREAM);
};

}  // namespace bothy
