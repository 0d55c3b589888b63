#include <csignal>

#include "base/signals.h"
#include "container/cgroup.h"
#include "oci/verbs.h"

namespace bothy::oci {
namespace {

Result<void> signal_all(const Record& record, int signal) {
  BOTHY_TRY(auto cgroup, container::Cgroup::open(record.cgroups));
  if (signal == SIGKILL) {
    return cgroup.kill();
  }
  BOTHY_TRY(const auto processes, cgroup.processes());
  for (const pid_t pid : processes) {
    ::kill(pid, signal);
  }
  return success();
}

}  // namespace

Result<void> kill(const Records& records, const std::string& id, int signal, bool all) {
  BOTHY_TRY(const Record record, records.load(id));
  if (all) {
    return signal_all(record, signal);
  }
  const auto process = open_process(record);
  if (!process) {
    return make_error(ErrorCode::kInvalid, "container '{}' is not running", id);
  }
  if (!send_signal(process.value().get(), signal)) {
    return errno_error(fmt::format("can't send signal {} to container '{}'", signal, id));
  }
  return success();
}

}  // namespace bothy::oci
