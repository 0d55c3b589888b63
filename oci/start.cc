#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/files.h"
#include "container/launcher.h"
#include "oci/hooks.h"
#include "oci/verbs.h"

namespace bothy::oci {
namespace {

// By its name in the directory, whose own path may be too long for a socket. An id may be long.
Result<UniqueFd> connect_for_start(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  BOTHY_TRY(const UniqueFd directory, open_file(path.substr(0, slash), O_PATH | O_DIRECTORY));
  const std::string name =
      fmt::format("/proc/self/fd/{}/{}", directory.get(), path.substr(slash + 1));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.c_str(), name.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno_error("can't reach the container's process");
  }
  return socket;
}

}  // namespace

Result<void> start(const Records& records, const std::string& id) {
  BOTHY_TRY(const Record record, records.load(id));
  BOTHY_TRY(const Status status, records.status(record));
  if (status != Status::kCreated) {
    return make_error(ErrorCode::kInvalid, "container '{}' can't be started: it is {}", id,
                      to_string(status));
  }
  const std::string path = records.start_socket(id);
  BOTHY_TRY(const UniqueFd socket, connect_for_start(path));
  ::unlink(path.c_str());
  const container::LaunchReport report = container::receive_start(socket.get());
  if (report.status == container::LaunchStatus::kFailed) {
    return failed_start(report);
  }
  run_poststart(record);
  return success();
}

}  // namespace bothy::oci
