#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/files.h"
#include "container/launcher.h"
#include "oci/hooks.h"
#include "oci/notify_socket.h"
#include "oci/start_socket.h"
#include "oci/verbs.h"

namespace bothy::oci {
namespace {

// Of several that start a container at once one alone can rename its socket, and may connect.
Result<UniqueFd> take_start_socket(const std::string& path, const std::string& id) {
  const std::string taken = path + ".taken";
  if (::rename(path.c_str(), taken.c_str()) != 0) {
    if (errno == ENOENT) {
      return make_error(ErrorCode::kInvalid,
                        "container '{}' can't be started: it has been started already", id);
    }
    return errno_error(fmt::format("can't rename '{}'", path));
  }
  auto socket = connect_for_start(taken);
  ::unlink(taken.c_str());
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
  BOTHY_TRY(const auto notify, NotifySocket::bind(records, id));
  BOTHY_TRY(const UniqueFd socket, take_start_socket(records.start_socket(id), id));
  const auto report = receive_start_with_hooks(socket.get(), record);
  if (!report) {
    // config.md, POSIX-platform Hooks: a failure stops the container.
    static_cast<void>(end_process(record));
    return report.error();
  }
  if (report.value().status == container::LaunchStatus::kFailed) {
    return failed_start(report.value());
  }
  run_poststart(record);
  if (notify) {
    notify->wait(record);
  }
  return success();
}

}  // namespace bothy::oci
