// The part of a plan that makes a process what its spec says: descriptors, ids, capabilities,
// limits, filter, command.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/result.h"
#include "container/plan.h"
#include "container/seccomp.h"
#include "container/spec.h"

namespace bothy::container {

struct ProcessPlan {
  const Process& process;
  std::array<int, 3> stdio{};  // not used with a terminal
  std::uint32_t preserved = 0;
  const std::optional<SeccompFilter>& seccomp;
  int start_socket = -1;
  int init = -1;
  bool new_keyring = true;
  bool dies_with_parent = false;
  bool keeps_report = false;
  const Hooks* hooks = nullptr;  // startContainer; none
};

// Adds what is done on the host's side of the namespaces: the cgroup's v1 hierarchies, the OOM
// score; through the host's own /proc, which no container can replace (CVE-2019-19921).
void plan_host_side(ContainerPlan& plan, const Process& process,
                    const std::vector<int>& cgroup_joins);

// Adds the labels that the program which is executed next gets. The process's /proc is still the
// host's, likewise.
void plan_labels(ContainerPlan& plan, const Process& process);

// Adds what a new process begins with: signals, those given with their default actions, a session,
// and, in a user namespace, root's ids.
void plan_beginning(ContainerPlan& plan, bool user_namespace,
                    const std::vector<int>& ignored_signals);

// Adds everything from the standard descriptors to the command. `terminal` is the process's side of
// its terminal, none without one; `root` a descriptor of the root directory.
void plan_process(ContainerPlan& plan, const ProcessPlan& process, Slot root, Slot terminal);

}  // namespace bothy::container
