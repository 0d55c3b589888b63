// The device filter of a cgroup: a BPF program on v2, lists of devices on v1.
//
// The last rule that matches a device decides on each kind of access (read, write, mknod); what no
// rule matches is denied. A request for several kinds needs all of them.
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "container/device_rule.h"

namespace bothy::container {

// More are kInvalid: the kernel's verifier takes time and memory for each.
inline constexpr std::size_t kMaxDeviceRules = 2000;

// The program (BPF_PROG_TYPE_CGROUP_DEVICE) that decides so: its result is 1 for "allowed".
[[nodiscard]] Result<std::vector<bpf_insn>> device_program(const std::vector<DeviceRule>& rules);

// Attaches a program to a new cgroup of v2.
[[nodiscard]] Result<void> attach_device_filter(int cgroup, const std::vector<DeviceRule>& rules);
// Replaces whatever is attached; no rules: no filter. The new rules apply before the old ones go.
[[nodiscard]] Result<void> replace_device_filter(int cgroup, const std::vector<DeviceRule>& rules);

struct DeviceListWrite {
  std::string file;  // "devices.allow" or "devices.deny"
  std::string text;
};
// The same for v1, as far as v1 can express it: kUnsupported for a rule that takes a part of an
// earlier one's devices back. A request for several kinds of access needs one rule that has all.
[[nodiscard]] Result<std::vector<DeviceListWrite>> device_list_writes(
    const std::vector<DeviceRule>& rules);

}  // namespace bothy::container
