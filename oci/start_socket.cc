#include "oci/start_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <utility>

#include "base/files.h"

namespace bothy::oci {
namespace {

// A new socket, and the address of `path`: by its name in the directory.
struct NamedSocket {
  UniqueFd directory;
  sockaddr_un address{};
  UniqueFd socket;

  [[nodiscard]] const sockaddr* generic() const noexcept {
    return reinterpret_cast<const sockaddr*>(&address);
  }
};

Result<NamedSocket> make_socket(const std::string& path) {
  NamedSocket made;
  const std::size_t slash = path.rfind('/');
  BOTHY_TRY(made.directory, open_file(path.substr(0, slash), O_PATH | O_DIRECTORY));
  const std::string name =
      fmt::format("/proc/self/fd/{}/{}", made.directory.get(), path.substr(slash + 1));
  made.address.sun_family = AF_UNIX;
  std::memcpy(made.address.sun_path, name.c_str(), name.size());
  made.socket.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!made.socket) {
    return errno_error("can't create a socket");
  }
  return made;
}

}  // namespace

Result<UniqueFd> listen_for_start(const std::string& path) {
  BOTHY_TRY(NamedSocket made, make_socket(path));
  if (::bind(made.socket.get(), made.generic(), sizeof(made.address)) != 0 ||
      ::chmod(made.address.sun_path, S_IRUSR | S_IWUSR) != 0 ||
      ::listen(made.socket.get(), 1) != 0) {
    return errno_error(fmt::format("can't listen on '{}'", path));
  }
  return std::move(made.socket);
}

Result<UniqueFd> connect_for_start(const std::string& path) {
  BOTHY_TRY(NamedSocket made, make_socket(path));
  if (::connect(made.socket.get(), made.generic(), sizeof(made.address)) != 0) {
    return errno_error("can't reach the container's process");
  }
  return std::move(made.socket);
}

}  // namespace bothy::oci
