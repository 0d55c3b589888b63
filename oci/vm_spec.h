// What a container's spec becomes when it runs as a microVM: a process of the host that owns the
// microVM, and what is done inside of that.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "container/spec.h"
#include "run/run_options.h"
#include "run/run_spec.h"
#include "run/vm/guest_parts.h"

namespace bothy::oci {

// "container" or "vm", in the annotations of a config.json.
inline constexpr std::string_view kIsolationAnnotation = "org.bothy.isolation";
// The size of a microVM: a number of CPUs, and bytes, as "512M".
inline constexpr std::string_view kCpusAnnotation = "org.bothy.cpus";
inline constexpr std::string_view kMemoryAnnotation = "org.bothy.memory";

// What the owner and virtiofsd may use beside the guest's memory, on top of a limit.
inline constexpr std::int64_t kOwnerMemory = 192 << 20;

// Whether a container runs as a microVM; `by_default`: without that annotation. A pod's sandbox,
// which only holds its namespaces, never does. kInvalid for another value of the annotation.
[[nodiscard]] Result<bool> is_vm(bool by_default,
                                 const std::map<std::string, std::string>& annotations);

// kUnsupported, with the member's name, for what a microVM can't have.
[[nodiscard]] Result<void> check_vm_spec(const container::OciSpec& spec);

// By the annotations, the member vm.hwConfig, or the limits, in this order; at least 1 CPU and
// kLeastMemory. Nothing where none of these says it. kInvalid for annotations that are no sizes.
inline constexpr std::uint64_t kLeastMemory = 128ULL << 20U;
[[nodiscard]] Result<container::MachineSize> machine_size(const container::OciSpec& spec);

// The container that the owner, `process`, is: its cgroup and network namespace, hooks of the
// runtime, and the root with the mounts of the host's files. Limits are the guest's, with what the
// owner needs beside.
[[nodiscard]] Result<container::OciSpec> owner_spec(const container::OciSpec& spec,
                                                    container::Process process);

// The owner's threads and processes count beside the guest's.
void raise_process_limit(container::Resources& limits);

// The root file system of the guest, with the mounts that are made inside: file systems of the
// kernel's, and parts of the root that these would cover.
[[nodiscard]] run::SharedRoot shared_root(const container::OciSpec& spec);
// Directories that those mounts need in the root.
[[nodiscard]] std::vector<std::string> guest_mount_points(const container::OciSpec& spec);

[[nodiscard]] run::ProcessSpec guest_process(const container::Process& process);
// A root that is read-only is so on the host, where volumes are other mounts: in the guest all are
// one.
[[nodiscard]] Result<run::RunOptions> guest_options(const container::OciSpec& spec);

}  // namespace bothy::oci
