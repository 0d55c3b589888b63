#include "oci/named_socket.h"

#include <fcntl.h>

#include <cstring>
#include <utility>

#include "base/files.h"

namespace bothy::oci {

Result<NamedSocket> NamedSocket::make(const std::string& path, int type) {
  NamedSocket made;
  const std::size_t slash = path.rfind('/');
  BOTHY_TRY(made.directory, open_file(path.substr(0, slash), O_PATH | O_DIRECTORY));
  const std::string name =
      fmt::format("/proc/self/fd/{}/{}", made.directory.get(), path.substr(slash + 1));
  made.address.sun_family = AF_UNIX;
  std::memcpy(made.address.sun_path, name.c_str(), name.size());
  made.socket.reset(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!made.socket) {
    return errno_error("can't create a socket");
  }
  return made;
}

}  // namespace bothy::oci
