// NamedSocket: a unix socket that is named by a path of any length.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::oci {

// A new socket, close-on-exec, and the address of its path: by its name in the directory.
struct NamedSocket {
  UniqueFd directory;
  sockaddr_un address{};
  UniqueFd socket;

  // `type`: SOCK_SEQPACKET or another. The directory must exist.
  [[nodiscard]] static Result<NamedSocket> make(const std::string& path, int type);
  [[nodiscard]] const sockaddr* generic() const noexcept {
    return reinterpret_cast<const sockaddr*>(&address);
  }
};

}  // namespace bothy::oci
