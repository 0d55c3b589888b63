// Machine: one virtual machine put together: memory, vCPUs, devices, the kernel in its place.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/vcpu_state.h"
#include "base/control_commands.h"
#include "base/result.h"
#include "devices/bus.h"
#include "devices/character.h"
#include "devices/guest_events.h"
#include "memory/guest_memory.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine_config.h"

namespace bothy {

namespace arch {
class PlatformDevices;
}
class VirtioDevices;

// Why a machine's run ended.
enum class MachineEndReason {
  kPowerOff,
  kReset,
  kPanicked,
  kTripleFault,
  kFailed,  // KVM failed to run a vCPU
};

[[nodiscard]] std::string_view to_string(MachineEndReason reason) noexcept;

struct MachineEnd {
  MachineEndReason reason = MachineEndReason::kPowerOff;
  std::uint32_t vcpu = 0;  // the index of the vCPU that ended the guest; 0 for other reasons
  std::string detail;      // for kFailed: KVM's reason
};

// Called on vCPU threads: must post to another thread and return at once, without calling the
// machine.
class MachineListener {
 public:
  MachineListener() = default;
  MachineListener(const MachineListener&) = delete;
  MachineListener& operator=(const MachineListener&) = delete;
  virtual ~MachineListener() = default;

  // Once. Other vCPUs still run until the owner calls stop().
  virtual void on_machine_end(MachineEnd end) noexcept = 0;
  // The guest's kernel has panicked (pvpanic). on_machine_end() follows, as kPanicked, when the
  // kernel resets or powers off, and never when it hangs (panic=0).
  virtual void on_panic() noexcept = 0;
  // The first write of the boot marker.
  virtual void on_boot_marker() noexcept = 0;
};

//   build() -> [built] -- start() --> [running] -- stop() --> [stopped] -- destructor
//
// Parts are destroyed in the reverse order of building. All functions are called by the owner, on
// one thread, unless they say otherwise.
class Machine final : private VcpuHandler, private GuestEvents {
 public:
  // `console` gets what the guest's console prints, and `devices` what the devices print that have
  // a CharacterChannel, in the order of the configuration. They and the listener outlive the
  // machine.
  [[nodiscard]] static Result<std::unique_ptr<Machine>> build(
      const MachineConfig& config, MachineListener& listener, CharacterSink& console,
      std::span<CharacterSink* const> devices = {});
  ~Machine() override;

  [[nodiscard]] Result<void> start();
  // Stops and joins every vCPU, then stops the devices. May be called again.
  void stop() noexcept;

  // While running: every vCPU is outside the guest when pause() returns, until resume().
  void pause();
  void resume();

  // Never kAuto.
  [[nodiscard]] ConsoleKind console_kind() const noexcept { return console_kind_; }
  // Where the console's input goes; null without a console. Any thread may use a receiver.
  [[nodiscard]] CharacterReceiver* console_receiver() noexcept;
  // The size of the terminal that shows the console. Any thread, until stop().
  void resize_console(ConsoleSize size);
  // The guest's side of the devices that have a CharacterChannel, in the order of the
  // configuration.
  [[nodiscard]] std::span<const CharacterEnd> character_ends() const noexcept;

  // What a control socket offers: the machine's own command (status) and those of its devices. They
  // run on the owner's thread, and the machine outlives them.
  [[nodiscard]] ControlCommands control_commands() const;

  // A description of the kernel and of how it was booted; the kernel's complete command line.
  [[nodiscard]] const std::string& kernel_description() const noexcept { return kernel_; }
  [[nodiscard]] const std::string& command_line() const noexcept { return command_line_; }

  // Below: only once stopped.
  [[nodiscard]] ExitCounts exit_counts() const noexcept;
  // When the boot processor first entered the guest; nothing if it didn't.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> first_run() const noexcept;
  // The state of one vCPU, or of all, in lines of text.
  [[nodiscard]] std::string describe_vcpu(std::uint32_t index) const;
  [[nodiscard]] std::string describe_vcpus() const;

 private:
  enum class Phase { kBuilt, kRunning, kStopped };

  explicit Machine(MachineListener& listener) noexcept;

  [[nodiscard]] Result<void> assemble(const MachineConfig& config, CharacterSink& console,
                                      std::span<CharacterSink* const> devices);
  // Puts firmware tables, kernel, initrd and boot tables into guest memory.
  [[nodiscard]] Result<arch::CpuEntry> load_guest(const MachineConfig& config,
                                                  std::uint32_t tsc_khz);
  [[nodiscard]] Result<void> create_vcpus(const Kvm& kvm, const arch::CpuModel& model,
                                          std::uint32_t count);
  void end(MachineEnd end) noexcept;
  // True when a reset that comes now is the end of a panic.
  [[nodiscard]] bool reset_follows_panic() const noexcept;

  void on_port_read(std::uint16_t port, std::span<std::byte> data) noexcept override;
  void on_port_write(std::uint16_t port, std::span<const std::byte> data) noexcept override;
  void on_mmio_read(std::uint64_t address, std::span<std::byte> data) noexcept override;
  void on_mmio_write(std::uint64_t address, std::span<const std::byte> data) noexcept override;
  void on_vcpu_end(std::uint32_t index, VcpuEnd end, std::string reason) noexcept override;
  void on_guest_event(GuestEvent event) noexcept override;

  MachineListener& listener_;
  Phase phase_ = Phase::kBuilt;
  std::atomic<bool> ended_{false};
  std::atomic<bool> panicked_{false};
  std::atomic<bool> marked_{false};

  ConsoleKind console_kind_ = ConsoleKind::kOff;
  std::string kernel_;
  std::string command_line_;

  // In the order of building: each member uses members above it.
  std::optional<GuestMemory> memory_;
  std::optional<Vm> vm_;
  std::unique_ptr<arch::PlatformDevices> devices_;
  std::unique_ptr<VirtioDevices> virtio_;
  Bus ports_;
  Bus mmio_;
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
};

}  // namespace bothy
