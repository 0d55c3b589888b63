#include "vmm/kvm/vm.h"

#include <algorithm>

#include "arch/kvm/vm_setup.h"
#include "vmm/kvm/ioctl/list_ioctl.h"
#include "vmm/kvm/ioctl/retrying_ioctl.h"

namespace bothy {
namespace {

kvm_irq_routing_entry to_kvm(const InterruptRoute& route) noexcept {
  kvm_irq_routing_entry entry{};
  entry.gsi = route.gsi;
  if (const auto* pin = std::get_if<IrqchipPin>(&route.target)) {
    entry.type = KVM_IRQ_ROUTING_IRQCHIP;
    entry.u.irqchip = {pin->chip, pin->pin};
  } else {
    const auto& message = std::get<MsiMessage>(route.target);
    entry.type = KVM_IRQ_ROUTING_MSI;
    entry.u.msi.address_lo = static_cast<std::uint32_t>(message.address);
    entry.u.msi.address_hi = static_cast<std::uint32_t>(message.address >> 32U);
    entry.u.msi.data = message.data;
  }
  return entry;
}

}  // namespace

Result<Vm> Vm::create(const Kvm& kvm) {
  UniqueFd fd(retrying_ioctl(kvm.fd(), KVM_CREATE_VM, 0UL));
  if (!fd) {
    return errno_error("KVM can't create a virtual machine");
  }
  return Vm(std::move(fd));
}

Result<void> Vm::set_up(const Kvm& kvm, const GuestMemory& memory,
                        const arch::CpuFeatures& features) {
  BOTHY_TRY(arch::filter_msrs(fd_.get(), features));
  // Memory before the interrupt controllers: afterwards KVM waits for an SRCU grace period of
  // theirs, milliseconds.
  BOTHY_TRY(map_memory(memory));
  BOTHY_TRY(arch::set_up_vm(kvm.fd(), fd_.get(), features));
  routes_ = arch::default_interrupt_routes();
  return success();
}

std::uint32_t Vm::tsc_khz() const noexcept {
  const int khz = retrying_ioctl(fd_.get(), KVM_GET_TSC_KHZ, 0UL);
  return khz > 0 ? static_cast<std::uint32_t>(khz) : 0;
}

Result<void> Vm::map_memory(const GuestMemory& memory) {
  std::uint32_t slot = 0;
  for (const GuestMemory::Region& region : memory.regions()) {
    kvm_userspace_memory_region slot_region{};
    slot_region.slot = slot++;
    slot_region.guest_phys_addr = region.range.start;
    slot_region.memory_size = region.range.size;
    slot_region.userspace_addr = reinterpret_cast<std::uintptr_t>(region.mapping.data());
    if (retrying_ioctl(fd_.get(), KVM_SET_USER_MEMORY_REGION, &slot_region) < 0) {
      return errno_error(fmt::format("KVM refuses {} MiB of guest memory at {:#x}",
                                     region.range.size >> 20U, region.range.start));
    }
  }
  return success();
}

Result<void> Vm::bind_irq(const EventFd& event, std::uint32_t gsi) {
  kvm_irqfd irqfd{};
  irqfd.fd = static_cast<std::uint32_t>(event.fd());
  irqfd.gsi = gsi;
  if (retrying_ioctl(fd_.get(), KVM_IRQFD, &irqfd) < 0) {
    return errno_error(fmt::format("KVM can't bind interrupt line {}", gsi));
  }
  return success();
}

Result<void> Vm::set_interrupt_routes(std::span<const InterruptRoute> routes) {
  std::vector<kvm_irq_routing_entry> entries(routes.size());
  std::ranges::transform(routes, entries.begin(), to_kvm);
  KvmList<kvm_irq_routing_entry> table{std::span<const kvm_irq_routing_entry>(entries)};
  if (retrying_ioctl(fd_.get(), kSetGsiRouting, table.data()) < 0) {
    return errno_error(fmt::format("KVM refuses a table of {} interrupt routes", routes.size()));
  }
  routes_.assign(routes.begin(), routes.end());
  return success();
}

Result<void> Vm::bind_pio_doorbell(const EventFd& event, std::uint16_t port, std::uint32_t length) {
  return bind_doorbell(event, port, length, KVM_IOEVENTFD_FLAG_PIO, std::nullopt);
}

Result<void> Vm::bind_mmio_doorbell(const EventFd& event, GuestAddress address,
                                    std::uint32_t length, std::optional<std::uint64_t> value) {
  return bind_doorbell(event, address, length, 0, value);
}

Result<void> Vm::bind_doorbell(const EventFd& event, std::uint64_t address, std::uint32_t length,
                               std::uint32_t flags, std::optional<std::uint64_t> value) {
  kvm_ioeventfd doorbell{};
  doorbell.fd = event.fd();
  doorbell.addr = address;
  doorbell.len = length;
  doorbell.flags = flags | (value ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0U);
  doorbell.datamatch = value.value_or(0);
  if (retrying_ioctl(fd_.get(), KVM_IOEVENTFD, &doorbell) < 0) {
    return errno_error(fmt::format("KVM can't bind a doorbell at {:#x}", address));
  }
  return success();
}

Result<UniqueFd> Vm::create_vcpu(std::uint32_t index) const {
  UniqueFd fd(retrying_ioctl(fd_.get(), KVM_CREATE_VCPU, static_cast<unsigned long>(index)));
  if (!fd) {
    return errno_error(fmt::format("KVM can't create vCPU {}", index));
  }
  return fd;
}

}  // namespace bothy
