#include <csignal>

#include "base/signals.h"
#include "container/cgroup.h"
#include "oci/verbs.h"

namespace bothy::oci {
namespace {

// A container that has ended has no processes left to signal, and perhaps no cgroup.
Result<void> signal_all(const Record& record, int signal) {
  auto cgroup = container::Cgroup::open(record.cgroups);
  if (!cgroup) {
    return cgroup.error().code == ErrorCode::kNotFound ? Result<void>(success())
                                                       : Result<void>(cgroup.error());
  }
  if (signal == SIGKILL) {
    return cgroup.value().kill();
  }
  BOTHY_TRY(const auto processes, cgroup.value().processes());
  for (const pid_t pid : processes) {
    ::kill(pid, signal);
  }
  return success();
}

}  // namespace

Result<void> kill(const Records& records, const std::string& id, int signal, bool all) {
  BOTHY_TRY(const Record record, records.load(id));
  // Beside a microVM's owner its cgroup has what serves it, for which other signals are not.
  if (all && !record.cgroups.empty() && (!record.vm || signal == SIGKILL)) {
    return signal_all(record, signal);
  }
  const auto process = open_process(record);
  if (!process) {
    return all ? Result<void>(success())
               : make_error(ErrorCode::kInvalid, "can't signal '{}': container not running", id);
  }
  if (!send_signal(process.value().get(), signal)) {
    return errno_error(fmt::format("can't send signal {} to container '{}'", signal, id));
  }
  return success();
}

}  // namespace bothy::oci
