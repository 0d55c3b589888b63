#include <poll.h>

#include <csignal>

#include "base/signals.h"
#include "container/cgroup.h"
#include "oci/hooks.h"
#include "oci/new_cgroup.h"
#include "oci/verbs.h"

namespace bothy::oci {
namespace {

constexpr int kEndLimit = 10'000;  // milliseconds from SIGKILL to the end of a process

}  // namespace

Result<void> end_process(const Record& record) {
  const auto process = open_process(record);
  if (!process) {
    return success();
  }
  send_signal(process.value().get(), SIGKILL);
  pollfd ended{process.value().get(), POLLIN, 0};
  if (::poll(&ended, 1, kEndLimit) != 1) {
    return make_error(ErrorCode::kBusy, "container '{}': its process {} doesn't end", record.id,
                      record.pid);
  }
  return success();
}

Result<void> kill_processes(container::Cgroup& cgroup) {
  const auto killed = cgroup.kill();
  const bool has_none = !killed && killed.error().code == ErrorCode::kUnsupported;
  return has_none ? Result<void>(success()) : killed;
}

Result<void> remove(const Records& records, const std::string& id, bool force) {
  auto loaded = records.load(id);
  if (!loaded) {
    // A directory without a record is what a killed `create` leaves.
    return force ? records.remove_leftover(id) : Result<void>(loaded.error());
  }
  const Record& record = loaded.value();
  BOTHY_TRY(const Status status, records.status(record));
  if ((status == Status::kRunning || status == Status::kPaused) && !force) {
    return make_error(ErrorCode::kInvalid,
                      "container '{}' is {}: kill it first, or delete it with --force", id,
                      to_string(status));
  }
  BOTHY_TRY(end_process(record));
  BOTHY_TRY(remove_cgroup(record));
  BOTHY_TRY(records.remove(id));
  run_poststop(record);
  return success();
}

}  // namespace bothy::oci
