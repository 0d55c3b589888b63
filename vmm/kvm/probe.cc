#include "vmm/kvm/probe.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "arch/kvm/capabilities.h"
#include "arch/kvm/vcpu_setup.h"
#include "arch/probe_payload.h"
#include "base/unique_fd.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/vm.h"

namespace bothy {
namespace {

using std::chrono::steady_clock;

constexpr GuestAddress kPayloadAddress = 0x8000;
constexpr std::uint64_t kGuestMemory = 1ULL << 20U;
constexpr std::chrono::milliseconds kWindow{50};
constexpr int kMaxWindows = 3;
constexpr std::chrono::milliseconds kStartTimeout{3000};

// A machine of one vCPU that runs the payload.
class ProbeGuest final : public VcpuHandler {
 public:
  static Result<std::unique_ptr<ProbeGuest>> create(const Kvm& kvm,
                                                    std::span<const std::uint8_t> payload);

  // True when the payload runs; false when KVM can't execute it.
  Result<bool> start();
  // Instructions per second, over one window.
  Result<std::uint64_t> measure();

  void on_port_read(std::uint16_t, std::span<std::byte>) noexcept override {}
  void on_port_write(std::uint16_t, std::span<const std::byte>) noexcept override { set(true); }
  void on_mmio_read(std::uint64_t, std::span<std::byte>) noexcept override {}
  void on_mmio_write(std::uint64_t, std::span<const std::byte>) noexcept override { set(true); }
  void on_vcpu_end(std::uint32_t, VcpuEnd, std::string) noexcept override { set(false); }

 private:
  ProbeGuest(GuestMemory memory, Vm vm) : memory_(std::move(memory)), vm_(std::move(vm)) {}

  void set(bool runs) noexcept {
    const std::lock_guard lock(mutex_);
    runs_ = runs;
    changed_.notify_all();
  }
  Result<void> set_up(const Kvm& kvm, std::span<const std::uint8_t> payload);

  GuestMemory memory_;
  Vm vm_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<bool> runs_;  // guarded by mutex_
  // Last: its thread calls the handler above until it is destroyed.
  std::unique_ptr<Vcpu> vcpu_;
};

Result<std::unique_ptr<ProbeGuest>> ProbeGuest::create(const Kvm& kvm,
                                                       std::span<const std::uint8_t> payload) {
  const std::array ranges{MemoryRange{0, kGuestMemory}};
  BOTHY_TRY(GuestMemory memory, GuestMemory::create(ranges, MemoryBacking::kAnonymous));
  BOTHY_TRY(Vm vm, Vm::create(kvm));
  BOTHY_TRY(vm.set_up(kvm, memory));
  std::unique_ptr<ProbeGuest> guest(new ProbeGuest(std::move(memory), std::move(vm)));
  BOTHY_TRY(guest->set_up(kvm, payload));
  return guest;
}

Result<void> ProbeGuest::set_up(const Kvm& kvm, std::span<const std::uint8_t> payload) {
  const arch::CpuEntry entry = arch::payload_entry(kPayloadAddress);
  BOTHY_TRY(arch::write_boot_tables(memory_, entry.protocol));
  if (!memory_.write_bytes(kPayloadAddress, std::as_bytes(payload))) {
    return make_error(ErrorCode::kExhausted, "too little memory for the probe's guest");
  }
  BOTHY_TRY(const auto model, arch::CpuModel::create(kvm.fd(), 1, {}));
  BOTHY_TRY(vcpu_, Vcpu::create(kvm, vm_, 0, *this));
  BOTHY_TRY(vcpu_->set_up(model));
  return vcpu_->set_entry(entry);
}

Result<bool> ProbeGuest::start() {
  BOTHY_TRY(vcpu_->start());
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kStartTimeout, [this] { return runs_.has_value(); })) {
    return make_error(ErrorCode::kUnsupported,
                      "a guest of six instructions made no progress for {} ms",
                      kStartTimeout.count());
  }
  return *runs_;
}

Result<std::uint64_t> ProbeGuest::measure() {
  vcpu_->pause();
  BOTHY_TRY(const kvm_regs before, vcpu_->registers());
  const auto start = steady_clock::now();
  vcpu_->resume();
  std::this_thread::sleep_for(kWindow);
  vcpu_->pause();
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start).count();
  BOTHY_TRY(const kvm_regs after, vcpu_->registers());
  // The counter has 32 bits: enough for a window of one second on any processor so far.
  const std::uint64_t counted = (arch::payload_count(after) - arch::payload_count(before)) &
                                std::numeric_limits<std::uint32_t>::max();
  return counted * arch::kInstructionsPerCount * 1'000'000 /
         static_cast<std::uint64_t>(std::max<std::int64_t>(elapsed, 1));
}

}  // namespace

Result<KvmInterface> probe_kvm_interface(const char* path) {
  const UniqueFd fd(::open(path, O_RDWR | O_CLOEXEC));
  if (!fd) {
    return errno_error(path);
  }
  KvmInterface interface;
  interface.api_version = ::ioctl(fd.get(), KVM_GET_API_VERSION, 0);
  if (interface.api_version < 0) {
    return make_error(ErrorCode::kUnsupported, "{} is not the KVM device", path);
  }
  for (const arch::RequiredCapability& required : arch::required_capabilities()) {
    if (::ioctl(fd.get(), KVM_CHECK_EXTENSION, required.capability) <= 0) {
      interface.missing.push_back(required.name);
    }
  }
  interface.max_vcpus = std::max(::ioctl(fd.get(), KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS), 0);
  return interface;
}

Result<GuestExecution> probe_guest_execution(const Kvm& kvm) {
  GuestExecution execution;
  std::vector<std::uint8_t> payload(arch::kVectorPayload.begin(), arch::kVectorPayload.end());
  payload.insert(payload.end(), arch::kCountPayload.begin(), arch::kCountPayload.end());
  BOTHY_TRY(auto guest, ProbeGuest::create(kvm, payload));
  BOTHY_TRY(execution.vector_instructions, guest->start());
  if (!execution.vector_instructions) {
    BOTHY_TRY(guest, ProbeGuest::create(kvm, arch::kCountPayload));
    BOTHY_TRY(const bool runs, guest->start());
    if (!runs) {
      return execution;
    }
  }
  // The best of a few windows: other work on this host can only make a guest slower.
  for (int i = 0; i < kMaxWindows && execution.instructions_per_second < kEmulatedBelow; ++i) {
    BOTHY_TRY(const std::uint64_t rate, guest->measure());
    execution.instructions_per_second = std::max(execution.instructions_per_second, rate);
  }
  return execution;
}

}  // namespace bothy
