// Processes of `exec` in a container that is a microVM. The owner starts each in the guest; a stub,
// a process of the host in the container's cgroup, stands for it: it has the pid, its standard
// streams are the process's, signals to it go to the process, and it ends with the exit code.
//
//   exec -- request, answer ------> owner (ROOT/ID/vm.sock)
//        -- the same connection --> stub, which it becomes descriptor 3 of
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/launcher.h"
#include "oci/record.h"
#include "run/run_spec.h"

namespace bothy::oci {

// The verb by which this program becomes a stub.
inline constexpr const char* kStubVerb = "vm-stub";
inline constexpr int kStubConnection = 3;

// Requests to the owner, by "verb"; each has one answer.
inline constexpr std::string_view kExecRequest = "exec";
inline constexpr std::string_view kPauseRequest = "pause";
inline constexpr std::string_view kResumeRequest = "resume";

// How the first describes a process.
[[nodiscard]] boost::json::object encode_process(const run::ProcessSpec& process);
[[nodiscard]] Result<run::ProcessSpec> decode_process(const boost::json::object& request);

[[nodiscard]] std::string owner_socket(const Records& records, const std::string& id);

// Starts a process in the guest, which ends with the connection. The errors of a command that can't
// be executed are failed_start()'s. Needs descriptor kStubConnection, which becomes the connection.
[[nodiscard]] Result<UniqueFd> start_in_vm(const Records& records, const std::string& id,
                                           const container::Process& process);

// Stops the guest's CPUs, and lets them run on: a cgroup that holds a thread of KVM's doesn't
// freeze (Linux before 6.14).
[[nodiscard]] Result<void> pause_vm(const Records& records, const std::string& id);
[[nodiscard]] Result<void> resume_vm(const Records& records, const std::string& id);

// The stub's own process, instead of the container's `process`.
[[nodiscard]] Result<container::Process> stub_process(const container::Process& process);

// Stands for the process at the other end of kStubConnection. Gives its exit code.
[[nodiscard]] Result<int> stand_in(bool terminal);

}  // namespace bothy::oci
