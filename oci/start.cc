#include <unistd.h>

#include "container/launcher.h"
#include "oci/hooks.h"
#include "oci/start_socket.h"
#include "oci/verbs.h"

namespace bothy::oci {

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
