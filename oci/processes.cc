// list, ps, pause, resume, update: a container as a whole.
#include <algorithm>

#include "base/files.h"
#include "container/cgroup.h"
#include "oci/new_cgroup.h"
#include "oci/verbs.h"
#include "oci/vm_exec.h"
#include "oci/vm_spec.h"

namespace bothy::oci {
namespace {

Result<container::Cgroup> cgroup_of(const Record& record) {
  if (record.cgroups.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "container '{}' has no cgroup: it was made without one", record.id);
  }
  return container::Cgroup::open(record.cgroups);
}

Result<Record> load_with_status(const Records& records, const std::string& id, const char* verb,
                                std::initializer_list<Status> allowed) {
  BOTHY_TRY(Record record, records.load(id));
  BOTHY_TRY(const Status status, records.status(record));
  if (std::ranges::count(allowed, status) == 0) {
    return status == Status::kStopped
               ? make_error(ErrorCode::kInvalid, "can't {} '{}': container not running", verb, id)
               : make_error(ErrorCode::kInvalid, "can't {} '{}': it is {}", verb, id,
                            to_string(status));
  }
  return record;
}

}  // namespace

Result<std::vector<Listed>> list(const Records& records) {
  std::vector<Listed> all;
  BOTHY_TRY(const std::vector<std::string> ids, records.ids());
  for (const std::string& id : ids) {
    // One that is being made or deleted has no record.
    auto record = records.load(id);
    const auto status = record ? records.status(record.value()) : Result<Status>(record.error());
    if (status) {
      all.push_back({std::move(record.value()), status.value()});
    }
  }
  return all;
}

Result<std::vector<pid_t>> processes(const Records& records, const std::string& id) {
  BOTHY_TRY(const Record record, records.load(id));
  if (record.vm) {
    // Those of the guest have no pids here, and what serves it isn't the container's.
    return open_process(record) ? std::vector<pid_t>{record.pid} : std::vector<pid_t>();
  }
  const auto cgroup = cgroup_of(record);
  if (!cgroup && cgroup.error().code == ErrorCode::kNotFound) {
    return std::vector<pid_t>();  // it went with its last process
  }
  if (!cgroup) {
    return cgroup.error();
  }
  BOTHY_TRY(std::vector<pid_t> pids, cgroup.value().processes());
  std::ranges::sort(pids);
  return pids;
}

Result<void> pause(const Records& records, const std::string& id) {
  BOTHY_TRY(const Record record,
            load_with_status(records, id, "pause", {Status::kCreated, Status::kRunning}));
  if (record.vm) {
    return pause_vm(records, id);
  }
  BOTHY_TRY(auto cgroup, cgroup_of(record));
  return cgroup.freeze();
}

Result<void> resume(const Records& records, const std::string& id) {
  BOTHY_TRY(const Record record, load_with_status(records, id, "resume", {Status::kPaused}));
  if (record.vm) {
    return resume_vm(records, id);
  }
  BOTHY_TRY(auto cgroup, cgroup_of(record));
  return cgroup.thaw();
}

Result<void> update(const Records& records, const std::string& id,
                    const container::Resources& resources) {
  BOTHY_TRY(const Record record,
            load_with_status(records, id, "update",
                             {Status::kCreated, Status::kRunning, Status::kPaused}));
  BOTHY_TRY(auto cgroup, cgroup_of(record));
  if (!record.vm) {
    return change_limits(record, cgroup, resources);
  }
  if (resources.memory || resources.memory_and_swap) {
    return make_error(ErrorCode::kUnsupported,
                      "can't update '{}': the memory of a microVM can't be changed", id);
  }
  container::Resources raised = resources;
  raise_process_limit(raised);
  return change_limits(record, cgroup, raised);
}

}  // namespace bothy::oci
