#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "arch/layout.h"
#include "cli/doctor/host.h"
#include "cli/doctor/microvm_probes.h"

namespace bothy::doctor {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr unsigned long long kKibPerMib = 1024;
// Enough for a minimal guest, its monitor and some reserve of the host.
constexpr unsigned long long kScarceMib = 256;

constexpr std::string_view kNoVirtualization =
    "enable virtualization (VT-x, AMD-V) in the firmware; in a virtual machine, enable nested "
    "virtualization on its host";

Finding microvm(std::string_view id, Status status, std::string found, std::string_view meaning,
                std::string_view remedy = {}) {
  return {std::string(id),  Group::kMicrovms,     status,
          std::move(found), std::string(meaning), std::string(remedy)};
}

// The value of "key:   value ..." in a file of such lines.
std::string_view field(std::string_view text, std::string_view key) {
  for (const std::string_view line : lines(text)) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && line.substr(0, line.find_first_of(" \t:")) == key) {
      return line.substr(colon + 1);
    }
  }
  return {};
}

// Tens of millions and more as whole numbers: the measurement isn't more precise.
std::string speed(std::uint64_t per_second) {
  return per_second < 10 * kMillion
             ? fmt::format("{:.1f} million instructions a second",
                           static_cast<double>(per_second) / static_cast<double>(kMillion))
             : fmt::format("{} million instructions a second", per_second / kMillion);
}

std::string permission_remedy(const std::string& group) {
  if (group.empty() || group == "root") {
    return "give this user access: sudo setfacl -m u:$USER:rw /dev/kvm (until the next boot), or "
           "run "
           "bothy as root";
  }
  return fmt::format("join the group: sudo usermod -aG {} $USER, then log in again", group);
}

}  // namespace

std::string_view virtualization_flag(std::string_view cpuinfo) {
  for (const std::string_view flag : words(field(cpuinfo, "flags"))) {
    if (flag == "vmx" || flag == "svm") {
      return flag;
    }
  }
  return {};
}

std::string group_name(std::string_view group_file, unsigned id) {
  for (const std::string_view line : lines(group_file)) {
    const auto name_end = line.find(':');
    const auto id_start = line.find(':', name_end + 1);
    if (name_end != std::string_view::npos && id_start != std::string_view::npos &&
        line.substr(id_start + 1).starts_with(fmt::format("{}:", id))) {
      return std::string(line.substr(0, name_end));
    }
  }
  return fmt::format("{}", id);
}

Finding judge_kvm_device(const KvmDevice& device) {
  switch (device.open_error) {
    case 0:
      return microvm("kvm-device", Status::kOk, "/dev/kvm can be opened",
                     "this user can run microVMs");
    case EACCES:
    case EPERM:
      return microvm("kvm-device", Status::kFail,
                     fmt::format("no permission to open /dev/kvm (group {})",
                                 device.group.empty() ? "unknown" : device.group),
                     "only root and members of the group can run microVMs",
                     permission_remedy(device.group));
    case ENOENT:
    case ENXIO:
    case ENODEV:
      return microvm("kvm-device", Status::kFail, "/dev/kvm does not exist",
                     "this host can't run virtual machines",
                     device.cpu_flag.empty()    ? std::string(kNoVirtualization)
                     : device.cpu_flag == "vmx" ? "load the module: sudo modprobe kvm_intel"
                                                : "load the module: sudo modprobe kvm_amd");
    default:
      return microvm("kvm-device", Status::kFail,
                     fmt::format("can't open /dev/kvm: {}", errno_text(device.open_error)),
                     "this host can't run virtual machines", "see the kernel's log: sudo dmesg");
  }
}

Finding judge_kvm_interface(const Result<KvmInterface>& interface) {
  if (!interface) {
    return microvm("kvm-interface", Status::kFail, interface.error().context,
                   "microVMs can't be created", "see the kernel's log: sudo dmesg");
  }
  const KvmInterface& kvm = interface.value();
  if (kvm.api_version != KVM_API_VERSION) {
    return microvm("kvm-interface", Status::kFail,
                   fmt::format("KVM API version {}", kvm.api_version),
                   fmt::format("bothy needs version {}", KVM_API_VERSION), "use another kernel");
  }
  if (!kvm.missing.empty()) {
    return microvm("kvm-interface", Status::kFail,
                   fmt::format("KVM lacks {}", fmt::join(kvm.missing, ", ")),
                   "microVMs can't be created", "use a newer kernel");
  }
  const auto vcpus = std::min(static_cast<std::uint32_t>(kvm.max_vcpus), layout::kMaxVcpus);
  return microvm("kvm-interface", Status::kOk,
                 fmt::format("version {} with all required capabilities", kvm.api_version),
                 fmt::format("microVMs can have up to {} vCPUs", vcpus));
}

std::string encode(const Result<GuestExecution>& execution) {
  return execution ? fmt::format("{} {}", execution.value().instructions_per_second,
                                 execution.value().vector_instructions ? 1 : 0)
                   : fmt::format("!{}", execution.error().context);
}

Result<GuestExecution> decode_execution(std::string_view text) {
  const auto parts = words(text);
  if (text.starts_with('!') || parts.size() != 2) {
    return Error{ErrorCode::kSystem, std::string(text.substr(text.starts_with('!') ? 1 : 0))};
  }
  return GuestExecution{to_number(parts[0]), parts[1] == "1"};
}

Finding judge_execution(const std::optional<Result<GuestExecution>>& execution) {
  constexpr std::string_view kId = "guest-execution";
  if (!execution) {
    return microvm(kId, Status::kFail, "a test guest did not stop in time",
                   "KVM exists but does not work", "see the kernel's log: sudo dmesg");
  }
  if (!*execution) {
    return microvm(kId, Status::kFail,
                   fmt::format("a test guest did not run: {}", execution->error().context),
                   "KVM exists but does not work", "see the kernel's log: sudo dmesg");
  }
  const GuestExecution& guest = execution->value();
  const std::string found =
      fmt::format("{}; vector instructions {}", speed(guest.instructions_per_second),
                  guest.vector_instructions ? "work" : "don't work");
  if (is_emulated(guest)) {
    return microvm(kId, Status::kFail, found,
                   "KVM emulates guests instruction by instruction: Linux guests can't boot here",
                   "use a host with hardware virtualization (vmx or svm in /proc/cpuinfo), or "
                   "scripts/rig of bothy's source tree, an emulated host");
  }
  return microvm(kId, Status::kOk, found, "guests run directly on the processor");
}

Finding judge_processors(std::string_view cpuinfo) {
  std::size_t count = 0;
  for (const std::string_view line : lines(cpuinfo)) {
    count += line.starts_with("processor") ? 1U : 0U;
  }
  const std::string_view flag = virtualization_flag(cpuinfo);
  if (flag.empty()) {
    return microvm("processors", Status::kWarn, fmt::format("{} CPUs without vmx and svm", count),
                   "the processor does not offer virtualization", kNoVirtualization);
  }
  return microvm("processors", Status::kOk, fmt::format("{} CPUs with {}", count, flag),
                 "the processor can run guests");
}

Finding judge_nested(std::string_view parameter) {
  const bool on = parameter == "Y" || parameter == "1";
  return microvm("nested", Status::kInfo,
                 parameter.empty() ? "no kvm_intel or kvm_amd module"
                 : on              ? "nested virtualization is on"
                                   : "nested virtualization is off",
                 on ? "a virtual machine of this host can run microVMs too"
                    : "virtual machines of this host can't run microVMs");
}

Finding judge_memory(std::string_view meminfo) {
  const auto total = to_number(field(meminfo, "MemTotal")) / kKibPerMib;
  const auto available = to_number(field(meminfo, "MemAvailable")) / kKibPerMib;
  const std::string found = fmt::format("{} MiB, {} MiB available", total, available);
  if (available < kScarceMib) {
    return microvm("memory", Status::kWarn, found, "too little memory for most guests",
                   "stop other programs, or use smaller guests (--memory)");
  }
  return microvm("memory", Status::kOk, found, "available to guests");
}

Finding judge_huge_pages(std::string_view meminfo, std::string_view transparent) {
  const auto total = to_number(field(meminfo, "HugePages_Total"));
  const auto free = to_number(field(meminfo, "HugePages_Free"));
  // "always [madvise] never": the mode is in brackets.
  const auto open = transparent.find('[');
  const auto close = transparent.find(']');
  const std::string_view mode = open < close && close != std::string_view::npos
                                    ? transparent.substr(open + 1, close - open - 1)
                                    : std::string_view("unknown");
  const std::string found =
      fmt::format("{} reserved, {} free; transparent huge pages: {}", total, free, mode);
  if (total > 0) {
    return microvm("huge-pages", Status::kOk, found,
                   "guest memory can use huge pages (--memory-backing hugepages)");
  }
  return microvm("huge-pages", Status::kInfo, found,
                 "guest memory uses normal pages or transparent huge pages",
                 "to reserve 2 MiB pages: sudo sysctl vm.nr_hugepages=NUMBER");
}

Finding judge_userfaultfd(int call_error, int device_error) {
  if (call_error == 0 || device_error == 0) {
    return microvm("userfaultfd", Status::kOk,
                   call_error == 0 ? "userfaultfd() works" : "/dev/userfaultfd can be opened",
                   "guest memory can be loaded while the guest runs");
  }
  return microvm("userfaultfd", Status::kWarn, errno_text(call_error),
                 "guest memory can't be loaded while the guest runs",
                 call_error == ENOSYS
                     ? "use a kernel with CONFIG_USERFAULTFD"
                     : "sudo setfacl -m u:$USER:rw /dev/userfaultfd, or sudo sysctl "
                       "vm.unprivileged_userfaultfd=1");
}

Finding judge_io_uring(int setup_error, std::string_view disabled) {
  if (setup_error == 0) {
    return microvm("io_uring", Status::kOk, "io_uring works", "disks use io_uring");
  }
  const bool by_sysctl = to_number(disabled) > 0;
  return microvm(
      "io_uring", Status::kWarn,
      by_sysctl ? fmt::format("kernel.io_uring_disabled is {}", disabled) : errno_text(setup_error),
      "disks use threads, which are slower",
      by_sysctl               ? "sudo sysctl kernel.io_uring_disabled=0"
      : setup_error == ENOSYS ? "use a kernel with CONFIG_IO_URING"
                              : "allow io_uring_setup() in the seccomp filter of this "
                                "environment");
}

Finding judge_device(const FeatureDevice& device, int open_error) {
  switch (open_error) {
    case 0:
      return microvm(device.id, Status::kOk, fmt::format("{} can be opened", device.path),
                     device.with);
    case EACCES:
    case EPERM:
      return microvm(
          device.id, Status::kWarn, fmt::format("no permission to open {}", device.path),
          device.without,
          fmt::format("sudo setfacl -m u:$USER:rw {} (until the next boot)", device.path));
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return microvm(device.id, Status::kInfo, fmt::format("{} does not exist", device.path),
                     device.without, fmt::format("sudo modprobe {}", device.module));
    default:
      return microvm(device.id, Status::kWarn,
                     fmt::format("can't open {}: {}", device.path, errno_text(open_error)),
                     device.without, "see the kernel's log: sudo dmesg");
  }
}

}  // namespace bothy::doctor
