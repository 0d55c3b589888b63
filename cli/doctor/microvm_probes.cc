#include "cli/doctor/microvm_probes.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/unique_fd.h"
#include "cli/doctor/host.h"
#include "cli/doctor/host_class.h"

namespace bothy::doctor {
namespace {

// A measurement takes a tenth of a second, and two seconds on a busy emulated host. Anything longer
// is a hang.
constexpr std::chrono::milliseconds kMeasurementLimit{5000};

constexpr std::array kFeatureDevices{
    FeatureDevice{"tun", "/dev/net/tun", "tun", "guests can have tap network devices",
                  "guests can't have tap network devices, but a network by passt"},
    FeatureDevice{"vhost-net", "/dev/vhost-net", "vhost_net",
                  "the host's kernel can process the packets of guests",
                  "bothy itself processes the packets of guests"},
    FeatureDevice{"vhost-vsock", "/dev/vhost-vsock", "vhost_vsock",
                  "host programs can reach guests through AF_VSOCK",
                  "guests are reached through Unix sockets, not through AF_VSOCK"},
};

KvmDevice look_at_kvm_device(std::string_view cpuinfo) {
  KvmDevice device;
  device.open_error = open_error("/dev/kvm");
  device.cpu_flag = virtualization_flag(cpuinfo);
  struct stat status {};
  if (::stat("/dev/kvm", &status) == 0) {
    device.group = group_name(read_file("/etc/group"), status.st_gid);
  }
  return device;
}

std::optional<Result<GuestExecution>> measure_execution() {
  const auto text = run_in_child(kMeasurementLimit, [] {
    const auto kvm = Kvm::open();
    return encode(kvm ? probe_guest_execution(kvm.value()) : Result<GuestExecution>(kvm.error()));
  });
  return text ? std::optional(decode_execution(*text)) : std::nullopt;
}

// Not UFFD_USER_MODE_ONLY: KVM takes a guest's faults in the kernel.
int try_userfaultfd() noexcept {
  const UniqueFd fd(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  return fd ? 0 : errno;
}

int try_io_uring() noexcept {
  io_uring_params parameters{};
  const UniqueFd fd(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
  return fd ? 0 : errno;
}

std::string nested_parameter() {
  const std::string intel = read_file("/sys/module/kvm_intel/parameters/nested");
  return intel.empty() ? read_file("/sys/module/kvm_amd/parameters/nested") : intel;
}

}  // namespace

Findings probe_microvms() {
  const std::string cpuinfo = read_file("/proc/cpuinfo");
  const std::string meminfo = read_file("/proc/meminfo");
  Findings findings;
  findings.push_back(judge_kvm_device(look_at_kvm_device(cpuinfo)));
  if (findings.back().status == Status::kOk) {
    findings.push_back(judge_kvm_interface(probe_kvm_interface()));
  }
  if (findings.back().status == Status::kOk) {
    findings.push_back(judge_execution(measure_execution()));
  }
  findings.push_back(judge_processors(cpuinfo));
  findings.push_back(judge_nested(nested_parameter()));
  findings.push_back(judge_memory(meminfo));
  findings.push_back(
      judge_huge_pages(meminfo, read_file("/sys/kernel/mm/transparent_hugepage/enabled")));
  findings.push_back(judge_userfaultfd(try_userfaultfd(), open_error("/dev/userfaultfd")));
  findings.push_back(
      judge_io_uring(try_io_uring(), read_file("/proc/sys/kernel/io_uring_disabled")));
  for (const FeatureDevice& device : kFeatureDevices) {
    findings.push_back(judge_device(device, open_error(device.path)));
  }
  findings.push_back(judge_host_class(findings, cpuinfo));
  return findings;
}

}  // namespace bothy::doctor
