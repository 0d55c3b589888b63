#include "run/vm/prepare.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "arch/cpu_features.h"
#include "base/files.h"
#include "image/import/disk_builder.h"
#include "run/scratch_disk.h"
#include "run/vm/guest_config.h"
#include "run/vm/kernel_modules.h"
#include "run/vm/vm_isolation.h"

namespace bothy::run {
namespace {

constexpr std::array kFlags{
    IsolationFlag{kKernelFlag, "FILE", "Kernel of the guest instead of bothy's own"},
    IsolationFlag{kModulesFlag, "DIR",
                  "lib/modules/VERSION of that kernel, for drivers that aren't built in"},
    IsolationFlag{kCpuFeaturesFlag, "LIST",
                  "A processor such as x86-64-v2, and optional features such as +vmx,+pmu; the "
                  "host's, without them, by default"},
    IsolationFlag{kReceiveRateFlag, "RATE",
                  "Limit on bytes a second that a microVM receives from its network"},
    IsolationFlag{kTransmitRateFlag, "RATE", "Likewise on bytes that it sends"},
    IsolationFlag{kCoreSchedulingFlag, "",
                  "Let no other process use a core's other hardware threads beside the guest",
                  IsolationFlag::Form::kSwitch},
};

// The owner's working directory is "/": whatever it opens later needs an absolute path.
std::string absolute_path(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.string();
}

void make_variable_absolute(const char* variable) {
  const char* value = std::getenv(variable);
  if (value != nullptr && *value != '\0') {
    ::setenv(variable, absolute_path(value).c_str(), 1);
  }
}

class PreparedVm final : public PreparedIsolation {
 public:
  PreparedVm(VmParts parts, std::uint64_t storage) : parts_(std::move(parts)), storage_(storage) {}

  Result<void> prepare_instance(const Instance& instance) override {
    return storage_ == 0 ? Result<void>(success())
                         : make_scratch_disk(scratch_disk_path(instance), storage_);
  }
  std::optional<sandbox::Role> owner_role() const override { return sandbox::Role::kVmOwner; }
  Result<std::unique_ptr<Isolation>> make(const IsolationContext& context) override {
    BOTHY_TRY(auto vm, VmIsolation::make(context, std::move(parts_)));
    return std::unique_ptr<Isolation>(std::move(vm));
  }

 private:
  VmParts parts_;
  const std::uint64_t storage_;  // bytes of a scratch disk; 0: none
};

Result<void> validate(const RunOptions& options) {
  if (!options.isolation_flag(kModulesFlag).empty() &&
      options.isolation_flag(kKernelFlag).empty()) {
    return make_error(ErrorCode::kInvalid, "--modules needs --kernel, the kernel of these modules");
  }
  BOTHY_TRY(arch::CpuFeatures::parse(options.isolation_flag(kCpuFeaturesFlag)));
  if (options.network == Network::kHost || options.network == Network::kNamespace) {
    return make_error(ErrorCode::kInvalid,
                      "--network {}: not available with --isolation vm: a microVM has a network "
                      "stack of its own; use user, none or tap=NAME",
                      options.network == Network::kHost ? "host" : "ns:PATH");
  }
  BOTHY_TRY(network_rate(options, kReceiveRateFlag));
  BOTHY_TRY(network_rate(options, kTransmitRateFlag));
  if (options.millicpus.value_or(1000) % 1000 != 0) {
    return make_error(ErrorCode::kInvalid,
                      "--cpus: a microVM has whole CPUs: expected a whole number with --isolation "
                      "vm");
  }
  return success();
}

Result<std::unique_ptr<PreparedIsolation>> prepare(const PrepareContext& context) {
  const RunOptions& options = context.options;
  BOTHY_TRY(image::Disk disk,
            image::ensure_disk(context.store, context.image, image::Limits(), context.progress));
  VmParts parts;
  parts.guest.disk = absolute_path(disk.path);
  parts.disk_use.emplace(std::move(disk.use));
  std::string kernel = options.isolation_flag(kKernelFlag);
  if (kernel.empty()) {
    BOTHY_TRY(kernel, find_kernel());
  }
  parts.kernel = absolute_path(kernel);
  BOTHY_TRY(parts.cpu_features, arch::CpuFeatures::parse(options.isolation_flag(kCpuFeaturesFlag)));
  parts.core_scheduling = options.has_isolation_flag(kCoreSchedulingFlag);
  BOTHY_TRY(parts.modules, read_modules(options.isolation_flag(kModulesFlag), options));
  make_variable_absolute("BOTHY_VIRTIOFSD");
  return std::unique_ptr<PreparedIsolation>(
      std::make_unique<PreparedVm>(std::move(parts), options.storage));
}

}  // namespace

const IsolationKind& vm_isolation_kind() noexcept {
  static constexpr IsolationKind kKind{"vm", "a microVM with a kernel of its own", kFlags,
                                       &validate, &prepare};
  return kKind;
}

Result<std::string> find_kernel() {
  std::vector<std::string> places;
  const char* named = std::getenv("BOTHY_KERNEL");
  if (named != nullptr && *named != '\0') {
    return std::string(named);
  }
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    // build/release/bothy has build/guest beside it; /usr/bin/bothy has /usr/lib/bothy.
    const auto directory = program.parent_path();
    places.push_back(directory.parent_path() / "guest" / "x86_64" / "vmlinux");
    places.push_back(directory.parent_path() / "lib" / "bothy" / "vmlinux");
  }
  places.emplace_back("/usr/local/lib/bothy/vmlinux");
  places.emplace_back("/usr/lib/bothy/vmlinux");
  for (const std::string& place : places) {
    if (exists(place)) {
      return place;
    }
  }
  return make_error(ErrorCode::kNotFound,
                    "no kernel for guests found: build one with 'scripts/guest-kernel', or name "
                    "one with --kernel or BOTHY_KERNEL");
}

}  // namespace bothy::run
