// A whole machine, booted as any other, with a few instructions for a kernel: how it ends, and what
// a hostile guest can do to it.
#include "vmm/machine/machine.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "arch/layout.h"
#include "tests/kvm/guest.h"
#include "tests/support/catch.h"
#include "tests/support/character_recorder.h"
#include "tests/support/hang_limit.h"
#include "tests/support/kernel_images.h"

namespace bothy::test {
namespace {

constexpr std::uint64_t kKernel = 0x1000000;

BOTHY_PAYLOAD(kernel_power_off, R"(
  mov $0x600, %dx
  mov $0x34, %al
  out %al, %dx
  hlt
)");

BOTHY_PAYLOAD(kernel_reset, R"(
  mov $0x602, %dx
  mov $1, %al
  out %al, %dx
  hlt
)");

BOTHY_PAYLOAD(kernel_i8042_reset, R"(
  mov $0xfe, %al
  out %al, $0x64
  hlt
)");

BOTHY_PAYLOAD(kernel_warm_reset, R"(
  movw $0x1234, 0x472
  mov $0x602, %dx
  mov $1, %al
  out %al, %dx
  hlt
)");

BOTHY_PAYLOAD(kernel_pvpanic, R"(
  mov $0x505, %dx
  mov $1, %al
  out %al, %dx
  mov $0x600, %dx
  mov $0x34, %al
  out %al, %dx
  hlt
)");

BOTHY_PAYLOAD(kernel_marker_and_words, R"(
  mov $0x3f0, %dx
  mov $0x7b, %al
  out %al, %dx
  mov $0x3f8, %dx
  mov $'h', %al
  out %al, %dx
  mov $'i', %al
  out %al, %dx
  mov $0x600, %dx
  mov $0x34, %al
  out %al, %dx
  hlt
)");

// Every port in every width, reads and writes of several values, then pages of MMIO; only the ports
// that end the machine by their own rules are spared.
BOTHY_PAYLOAD(kernel_abuse, R"(
  xor %edx, %edx
next_port:
  cmp $0x64, %dx
  je spared
  cmp $0x505, %dx
  jb near_pvpanic
  je spared
  cmp $0x600, %dx
  jb near_power
  cmp $0x603, %dx
  jb spared
  jmp not_spared
near_pvpanic:
  cmp $0x502, %dx
  jae spared
  jmp not_spared
near_power:
  cmp $0x5fd, %dx
  jae spared
not_spared:
  mov $0xffffffff, %eax
  out %al, %dx
  out %ax, %dx
  out %eax, %dx
  in (%dx), %al
  in (%dx), %ax
  in (%dx), %eax
  xor %eax, %eax
  out %eax, %dx
spared:
  inc %dx
  jnz next_port
  mov $0xd0000000, %ebx
next_page:
  movb $0xff, 3(%ebx)
  movl $0xffffffff, 0xffd(%ebx)
  mov 0x50(%ebx), %eax
  mov 0x51(%ebx), %ax
  add $0x100000, %ebx
  cmp $0xf0000000, %ebx
  jb next_page
  mov $0x600, %dx
  mov $0x34, %al
  out %al, %dx
  hlt
)");

class Run final : private MachineListener {
 public:
  explicit Run(std::span<const std::byte> payload, std::uint32_t vcpus = 1)
      : file_(image(payload)) {
    MachineConfig config;
    config.kernel = file_.path();
    config.memory = 32ULL << 20U;
    config.vcpus = vcpus;
    auto machine = Machine::build(config, *this, sink_);
    if (!machine) {
      FAIL(machine.error().context);
    }
    machine_ = std::move(machine).value();
  }
  ~Run() override { machine_->stop(); }

  MachineEnd finish() {
    REQUIRE(machine_->start().has_value());
    std::unique_lock lock(mutex_);
    REQUIRE(ended_.wait_for(lock, test::kHangLimit, [this] { return end_.has_value(); }));
    lock.unlock();
    machine_->stop();
    return *end_;
  }

  Machine& machine() { return *machine_; }
  CharacterRecorder& sink() { return sink_; }
  int panics() const { return panics_; }
  int markers() const { return markers_; }

 private:
  static ByteVector image(std::span<const std::byte> payload) {
    ElfImage elf;
    elf.segments.push_back({kKernel, ByteVector(payload.begin(), payload.end()), 0});
    elf.entry = kKernel;
    elf.pvh_entry = kKernel;
    return elf.build();
  }

  void on_machine_end(MachineEnd end) noexcept override {
    const std::lock_guard lock(mutex_);
    end_ = std::move(end);
    ended_.notify_all();
  }
  void on_panic() noexcept override { ++panics_; }
  void on_boot_marker() noexcept override { ++markers_; }

  TestFile file_;
  CharacterRecorder sink_;
  std::unique_ptr<Machine> machine_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<MachineEnd> end_;
  std::atomic<int> panics_{0};
  std::atomic<int> markers_{0};
};

}  // namespace

TEST_CASE("A machine powers off, resets and panics by its registers") {
  CHECK(Run(BOTHY_PAYLOAD_BYTES(kernel_power_off)).finish().reason == MachineEndReason::kPowerOff);
  CHECK(Run(BOTHY_PAYLOAD_BYTES(kernel_reset)).finish().reason == MachineEndReason::kReset);
  CHECK(Run(BOTHY_PAYLOAD_BYTES(kernel_i8042_reset)).finish().reason == MachineEndReason::kReset);
}

TEST_CASE("A reset with the warm-boot flag set counts as a panic") {
  CHECK(Run(BOTHY_PAYLOAD_BYTES(kernel_warm_reset)).finish().reason == MachineEndReason::kPanicked);
}

TEST_CASE("A guest that ends after pvpanic has panicked") {
  Run run(BOTHY_PAYLOAD_BYTES(kernel_pvpanic));
  CHECK(run.finish().reason == MachineEndReason::kPanicked);
  CHECK(run.panics() == 1);
}

TEST_CASE("The boot marker and the serial port's output are reported") {
  Run run(BOTHY_PAYLOAD_BYTES(kernel_marker_and_words));
  CHECK(run.finish().reason == MachineEndReason::kPowerOff);
  CHECK(run.markers() == 1);
  CHECK(run.sink().take() == "hi");
  CHECK(run.machine().exit_counts().port_writes == 4);
  CHECK(run.machine().first_run().has_value());
}

TEST_CASE("A guest that accesses every port and the MMIO hole is harmless") {
  Run run(BOTHY_PAYLOAD_BYTES(kernel_abuse));
  CHECK(run.finish().reason == MachineEndReason::kPowerOff);
}

TEST_CASE("A machine with 64 vCPUs that never start stops at once") {
  Run run(BOTHY_PAYLOAD_BYTES(kernel_power_off), layout::kMaxVcpus);
  CHECK(run.finish().reason == MachineEndReason::kPowerOff);
}

}  // namespace bothy::test
