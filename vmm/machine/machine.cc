#include "vmm/machine/machine.h"

#include <boost/json/object.hpp>
#include <utility>

#include "arch/cpu_report.h"
#include "arch/firmware_tables.h"
#include "arch/kernel_parameters.h"
#include "arch/layout.h"
#include "arch/memory_map.h"
#include "arch/platform/platform_devices.h"
#include "base/worker.h"
#include "vmm/boot/boot.h"
#include "vmm/machine/console_plan.h"
#include "vmm/machine/core_scheduling.h"
#include "vmm/machine/virtio_devices.h"

namespace bothy {
namespace {

boot::CommandLine make_command_line(const MachineConfig& config, std::uint32_t tsc_khz) {
  boot::CommandLine line;
  for (const std::string& parameter : arch::default_kernel_parameters(tsc_khz)) {
    line.add_default(parameter);
  }
  line.add_user(config.cmdline);
  return line;
}

}  // namespace

std::string_view to_string(MachineEndReason reason) noexcept {
  switch (reason) {
    case MachineEndReason::kPowerOff:
      return "power-off";
    case MachineEndReason::kReset:
      return "reset";
    case MachineEndReason::kPanicked:
      return "panic";
    case MachineEndReason::kTripleFault:
      return "triple-fault";
    case MachineEndReason::kFailed:
      return "failed";
  }
  return "unknown";
}

Machine::Machine(MachineListener& listener) noexcept : listener_(listener) {}

Machine::~Machine() {
  stop();
}

Result<std::unique_ptr<Machine>> Machine::build(const MachineConfig& config,
                                                MachineListener& listener, CharacterSink& console,
                                                std::span<CharacterSink* const> devices) {
  BOTHY_TRY(validate(config));
  auto machine = std::unique_ptr<Machine>(new Machine(listener));
  BOTHY_TRY(machine->assemble(config, console, devices));
  return machine;
}

Result<void> Machine::start() {
  phase_ = Phase::kRunning;
  virtio_->confine();
  for (const auto& vcpu : vcpus_) {
    BOTHY_TRY(vcpu->start());
  }
  return success();
}

void Machine::stop() noexcept {
  // All at once and then wait, so that stopping takes as long as the slowest vCPU and not the sum
  // of them.
  for (const auto& vcpu : vcpus_) {
    vcpu->stop();
  }
  for (const auto& vcpu : vcpus_) {
    vcpu->join();
  }
  if (virtio_) {
    virtio_->stop();
  }
  if (phase_ == Phase::kRunning) {
    phase_ = Phase::kStopped;
  }
}

void Machine::pause() {
  for (const auto& vcpu : vcpus_) {
    vcpu->pause();
  }
}

void Machine::resume() {
  for (const auto& vcpu : vcpus_) {
    vcpu->resume();
  }
}

CharacterReceiver* Machine::console_receiver() noexcept {
  return console_kind_ == ConsoleKind::kVirtio ? &virtio_->console()->port(0)
                                               : devices_->serial_receiver();
}

void Machine::resize_console(ConsoleSize size) {
  if (virtio_->console() != nullptr) {
    virtio_->console()->resize(size);
  }
}

std::span<const CharacterEnd> Machine::character_ends() const noexcept {
  return virtio_->character_ends();
}

ControlCommands Machine::control_commands() const {
  ControlCommands commands;
  commands["status"] = {
      "status: show the kernel and its command line",
      [this](std::span<const std::string>) -> Result<boost::json::value> {
        return boost::json::object{{"kernel", kernel_}, {"cmdline", command_line_}};
      }};
  virtio_->add_commands(commands);
  return commands;
}

ExitCounts Machine::exit_counts() const noexcept {
  ExitCounts sum;
  for (const auto& vcpu : vcpus_) {
    sum += vcpu->exit_counts();
  }
  return sum;
}

std::optional<std::chrono::steady_clock::time_point> Machine::first_run() const noexcept {
  if (phase_ == Phase::kBuilt) {
    return std::nullopt;
  }
  return vcpus_.front()->first_run();
}

std::string Machine::describe_vcpu(std::uint32_t index) const {
  const Vcpu& vcpu = *vcpus_.at(index);
  const auto regs = vcpu.registers();
  const auto sregs = vcpu.system_registers();
  if (!regs || !sregs) {
    return fmt::format("vCPU {}: KVM doesn't give its registers", index);
  }
  if (arch::is_reset_state(regs.value(), sregs.value())) {
    return fmt::format(
        "vCPU {}: in its reset state; this processor keeps nothing else after a shutdown", index);
  }
  return fmt::format("vCPU {}{}:\n{}", index, vcpu.is_halted() ? " (halted)" : "",
                     arch::describe_cpu(regs.value(), sregs.value(), *memory_));
}

std::string Machine::describe_vcpus() const {
  std::string text;
  for (const auto& vcpu : vcpus_) {
    text += (text.empty() ? "" : "\n") + describe_vcpu(vcpu->index());
  }
  return text;
}

Result<void> Machine::assemble(const MachineConfig& config, CharacterSink& console,
                               std::span<CharacterSink* const> devices) {
  if (config.core_scheduling) {
    BOTHY_TRY(use_core_scheduling());
  }
  BOTHY_TRY(PreparedDevices prepared, prepare_devices(config));
  const std::vector<MemoryRange> ranges = arch::ram_ranges(config.memory);
  BOTHY_TRY(GuestMemory memory, GuestMemory::create(ranges, memory_backing(config)));
  memory_.emplace(std::move(memory));
  BOTHY_TRY(const Kvm kvm, Kvm::open());
  BOTHY_TRY(Vm vm, Vm::create(kvm));
  vm_.emplace(std::move(vm));
  // Copying the kernel takes most of the time until a guest runs: KVM is set up meanwhile.
  auto loading =
      in_worker([this, &config, tsc_khz = vm_->tsc_khz()] { return load_guest(config, tsc_khz); });

  const auto most = static_cast<std::uint32_t>(kvm.check(KVM_CAP_MAX_VCPUS));
  if (config.vcpus > most) {
    return make_error(ErrorCode::kUnsupported, "this host's KVM gives a guest at most {} vCPUs",
                      most);
  }

  BOTHY_TRY(const auto model, arch::CpuModel::create(kvm.fd(), config.vcpus, config.cpu_features));
  const unsigned bits = model.physical_address_bits();
  if (ranges.back().end() > 1ULL << bits) {
    return make_error(ErrorCode::kInvalid,
                      "--memory of {} GiB is more than this host's processor can address ({} bits)",
                      config.memory / layout::kGiB, bits);
  }
  BOTHY_TRY(vm_->set_up(kvm, *memory_, config.cpu_features));

  CharacterSink* serial = plan_console(config).serial ? &console : nullptr;
  BOTHY_TRY(devices_, arch::PlatformDevices::create(*vm_, ports_, *this, serial));
  BOTHY_TRY(virtio_, VirtioDevices::create(config, {console, devices}, *vm_, *memory_, mmio_,
                                           std::move(prepared)));
  BOTHY_TRY(create_vcpus(kvm, model, config.vcpus));
  BOTHY_TRY(const arch::CpuEntry cpu, loading.get());
  BOTHY_TRY(virtio_->connect());
  return vcpus_.front()->set_entry(cpu);
}

Result<arch::CpuEntry> Machine::load_guest(const MachineConfig& config, std::uint32_t tsc_khz) {
  const ConsolePlan console = plan_console(config);
  arch::FirmwareConfig firmware;
  firmware.vcpus = config.vcpus;
  firmware.serial = console.serial;
  firmware.devices = virtio_windows(config);

  boot::BootRequest request;
  BOTHY_TRY(request.firmware, arch::write_firmware_tables(firmware, *memory_));
  request.kernel = config.kernel;
  request.initrds = config.initrds;
  request.command_line = make_command_line(config, tsc_khz);
  if (console.with_drivers != console.without_drivers) {
    request.parameters.texts = virtio_console_texts();
  }
  request.parameters.with = console.with_drivers.parameters;
  request.parameters.without = console.without_drivers.parameters;
  request.options.unpack = config.unpack_kernel;
  BOTHY_TRY(boot::BootEntry loaded, boot::load(request, *memory_));
  console_kind_ = (loaded.has_texts ? console.with_drivers : console.without_drivers).kind;
  kernel_ = std::move(loaded.description);
  command_line_ = std::move(loaded.command_line);
  return loaded.cpu;
}

Result<void> Machine::create_vcpus(const Kvm& kvm, const arch::CpuModel& model,
                                   std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    BOTHY_TRY(auto vcpu, Vcpu::create(kvm, *vm_, i, *this));
    BOTHY_TRY(vcpu->set_up(model));
    vcpus_.push_back(std::move(vcpu));
  }
  return success();
}

void Machine::end(MachineEnd end) noexcept {
  if (!ended_.exchange(true)) {
    listener_.on_machine_end(std::move(end));
  }
}

bool Machine::reset_follows_panic() const noexcept {
  return panicked_.load() || arch::panic_recorded(*memory_);
}

// Where no device answers, reads return ones and writes are ignored, as on a PC.
void Machine::on_port_read(std::uint16_t port, std::span<std::byte> data) noexcept {
  (void)ports_.read(port, data);
}

void Machine::on_port_write(std::uint16_t port, std::span<const std::byte> data) noexcept {
  (void)ports_.write(port, data);
}

void Machine::on_mmio_read(std::uint64_t address, std::span<std::byte> data) noexcept {
  (void)mmio_.read(address, data);
}

void Machine::on_mmio_write(std::uint64_t address, std::span<const std::byte> data) noexcept {
  (void)mmio_.write(address, data);
}

void Machine::on_vcpu_end(std::uint32_t index, VcpuEnd vcpu_end, std::string reason) noexcept {
  switch (vcpu_end) {
    case VcpuEnd::kStopped:
      return;
    case VcpuEnd::kTripleFault:
      return end({MachineEndReason::kTripleFault, index, {}});
    case VcpuEnd::kPowerOff:
      return on_guest_event(GuestEvent::kPowerOff);
    case VcpuEnd::kReset:
      return on_guest_event(GuestEvent::kReset);
    case VcpuEnd::kCrash:
      return end({MachineEndReason::kPanicked, index, {}});
    case VcpuEnd::kFailed:
      return end({MachineEndReason::kFailed, index, std::move(reason)});
  }
}

void Machine::on_guest_event(GuestEvent event) noexcept {
  switch (event) {
    case GuestEvent::kPowerOff:
      return end(
          {panicked_.load() ? MachineEndReason::kPanicked : MachineEndReason::kPowerOff, 0, {}});
    case GuestEvent::kReset:
      return end(
          {reset_follows_panic() ? MachineEndReason::kPanicked : MachineEndReason::kReset, 0, {}});
    case GuestEvent::kPanicked:
      if (!panicked_.exchange(true)) {
        listener_.on_panic();
      }
      return;
    case GuestEvent::kCrashLoaded:
      return;  // the guest's crash kernel takes over, and resets
    case GuestEvent::kBootMarker:
      if (!marked_.exchange(true)) {
        listener_.on_boot_marker();
      }
      return;
  }
}

}  // namespace bothy
