#include "base/socket_pair.h"

#include <sys/socket.h>

#include <array>

namespace bothy {

Result<SocketPair> SocketPair::create(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return errno_error("can't create a pair of sockets");
  }
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace bothy
