#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "container/cgroup.h"
#include "oci/hooks.h"
#include "oci/verbs.h"

namespace bothy::oci {
namespace {

constexpr int kEndLimit = 10'000;  // milliseconds from SIGKILL to the end of a process

Result<void> end_process(const Record& record) {
  const auto process = open_process(record);
  if (!process) {
    return success();
  }
  ::syscall(SYS_pidfd_send_signal, process.value().get(), SIGKILL, nullptr, 0);
  pollfd ended{process.value().get(), POLLIN, 0};
  if (::poll(&ended, 1, kEndLimit) != 1) {
    return make_error(ErrorCode::kBusy, "container '{}': its process {} doesn't end", record.id,
                      record.pid);
  }
  return success();
}

Result<void> remove_cgroup(const Record& record) {
  auto cgroup = container::Cgroup::open(record.cgroups);
  if (!cgroup) {
    return cgroup.error().code == ErrorCode::kNotFound ? Result<void>(success())
                                                       : Result<void>(cgroup.error());
  }
  const auto killed = cgroup.value().kill();
  if (!killed && killed.error().code != ErrorCode::kUnsupported) {
    return killed;  // a container without a cgroup has no others that are known
  }
  return cgroup.value().remove();
}

}  // namespace

Result<void> remove(const Records& records, const std::string& id, bool force) {
  auto loaded = records.load(id);
  if (!loaded) {
    // A directory without a record is what a killed `create` leaves.
    return force ? records.remove_leftover(id) : Result<void>(loaded.error());
  }
  const Record& record = loaded.value();
  BOTHY_TRY(const Status status, records.status(record));
  if (status != Status::kStopped && !force) {
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
