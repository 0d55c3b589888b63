// SocketPair: two ends of a unix stream, one for us and one for somebody that we start.
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
