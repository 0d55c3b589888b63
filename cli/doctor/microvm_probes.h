// What microVMs need of the host. judge_*() are pure functions from facts to findings, so that
// tests can give them the facts of any host; probe_microvms() gathers those of this host.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/doctor/finding.h"
#include "vmm/kvm/probe.h"

namespace bothy::doctor {

// "vmx" (Intel) or "svm" (AMD) when /proc/cpuinfo has the flag; otherwise empty.
[[nodiscard]] std::string_view virtualization_flag(std::string_view cpuinfo);
// The name of group `id` in /etc/group; the number when it has no entry.
[[nodiscard]] std::string group_name(std::string_view group_file, unsigned id);

struct KvmDevice {
  int open_error = 0;  // an errno value; 0: it opens
  std::string group;   // of /dev/kvm; empty when that doesn't exist
  std::string cpu_flag;
};
[[nodiscard]] Finding judge_kvm_device(const KvmDevice& device);
[[nodiscard]] Finding judge_kvm_interface(const Result<KvmInterface>& interface);

// The measurement as text, for the pipe from the process that makes it.
[[nodiscard]] std::string encode(const Result<GuestExecution>& execution);
[[nodiscard]] Result<GuestExecution> decode_execution(std::string_view text);
// No value: the measuring process hung or died.
[[nodiscard]] Finding judge_execution(const std::optional<Result<GuestExecution>>& execution);

[[nodiscard]] Finding judge_processors(std::string_view cpuinfo);
// `parameter` is the `nested` parameter of kvm_intel or kvm_amd; empty without these modules.
[[nodiscard]] Finding judge_nested(std::string_view parameter);
[[nodiscard]] Finding judge_memory(std::string_view meminfo);
[[nodiscard]] Finding judge_huge_pages(std::string_view meminfo, std::string_view transparent);
// The errno values of the system call and of opening /dev/userfaultfd; 0 when it works.
[[nodiscard]] Finding judge_userfaultfd(int call_error, int device_error);
// `disabled` is the sysctl kernel.io_uring_disabled; empty on kernels without it.
[[nodiscard]] Finding judge_io_uring(int setup_error, std::string_view disabled);

// A device file that makes one feature work.
struct FeatureDevice {
  std::string_view id;
  const char* path;
  std::string_view module;
  std::string_view with;     // the meaning when the device works
  std::string_view without;  // and when it doesn't
};
[[nodiscard]] Finding judge_device(const FeatureDevice& device, int open_error);

[[nodiscard]] Findings probe_microvms();

}  // namespace bothy::doctor
