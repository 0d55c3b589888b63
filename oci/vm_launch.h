// How the owner of a container that is a microVM is launched, instead of the container's command.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/launcher.h"
#include "container/spec.h"
#include "oci/record.h"

namespace bothy::oci {

// The verb by which this program becomes an owner: VERB ID, after --root.
inline constexpr const char* kOwnerVerb = "vm-owner";

// kUnsupported, with the remedy, where no microVM can run: without KVM or a kernel for guests. What
// the host's configuration says, and nothing of a bundle's, chooses the kernel.
[[nodiscard]] Result<void> check_vm_host();

// The spec of the owner's own process. kUnsupported for what a microVM can't have.
[[nodiscard]] Result<container::OciSpec> vm_owner(const Records& records, const std::string& id,
                                                  const container::OciSpec& spec);
void set_owner_options(const container::OciSpec& spec, container::LaunchOptions& options);

// This program's own file.
[[nodiscard]] Result<std::string> own_program();
// A process of this program on the host, in the place of the guest's `process`: with that one's
// terminal.
[[nodiscard]] container::Process own_process(std::vector<std::string> command,
                                             const container::Process& process);

// Finds out what the guest would find out later: whether there is the container's command, in the
// root as the owner's process sees it. The errors are failed_start()'s.
[[nodiscard]] Result<void> check_command(pid_t owner, const container::OciSpec& spec);

}  // namespace bothy::oci
