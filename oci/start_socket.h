// The socket on which the process of a created container waits for `start`. Its path may be longer
// than a socket's can be, since ids and --root may be long.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::oci {

// Makes the socket, for this user alone, and listens on it.
[[nodiscard]] Result<UniqueFd> listen_for_start(const std::string& path);
[[nodiscard]] Result<UniqueFd> connect_for_start(const std::string& path);

}  // namespace bothy::oci
