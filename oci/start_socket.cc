#include "oci/start_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <utility>

#include "oci/named_socket.h"

namespace bothy::oci {
Result<UniqueFd> listen_for_start(const std::string& path) {
  BOTHY_TRY(NamedSocket made, NamedSocket::make(path, SOCK_SEQPACKET));
  if (::bind(made.socket.get(), made.generic(), sizeof(made.address)) != 0 ||
      ::chmod(made.address.sun_path, S_IRUSR | S_IWUSR) != 0 ||
      ::listen(made.socket.get(), 1) != 0) {
    return errno_error(fmt::format("can't listen on '{}'", path));
  }
  return std::move(made.socket);
}

Result<UniqueFd> connect_for_start(const std::string& path) {
  BOTHY_TRY(NamedSocket made, NamedSocket::make(path, SOCK_SEQPACKET));
  if (::connect(made.socket.get(), made.generic(), sizeof(made.address)) != 0) {
    return errno_error("can't reach the container's process");
  }
  return std::move(made.socket);
}

}  // namespace bothy::oci
