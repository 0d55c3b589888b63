// Vm: one virtual machine of KVM: memory slots, interrupt lines, doorbells.
#pragma once

#include <cstdint>
#include <optional>

#include "base/event_fd.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "memory/guest_memory.h"
#include "vmm/kvm/kvm.h"

namespace bothy {

// Move-only. Does not own the guest memory that it maps: the memory outlives the Vm. Functions may
// be called from any thread; each is one ioctl.
class Vm {
 public:
  // A machine without memory (KVM_CREATE_VM): it wants a set_up().
  [[nodiscard]] static Result<Vm> create(const Kvm& kvm);

  // Gives it all of `memory` for its RAM, one slot per region, and the in-kernel interrupt
  // controllers: 8259 pair, I/O APIC, and a local APIC for every vCPU to come. Once.
  [[nodiscard]] Result<void> set_up(const Kvm& kvm, const GuestMemory& memory);

  // What the guest's time stamp counters count at, in kHz; 0 when KVM tells it of a vCPU only
  // (before Linux 5.16) or doesn't know (KVM_GET_TSC_KHZ).
  [[nodiscard]] std::uint32_t tsc_khz() const noexcept;

  // A signal on `event` becomes an edge on `gsi` (KVM_IRQFD).
  [[nodiscard]] Result<void> bind_irq(const EventFd& event, std::uint32_t gsi);

  // A write of `length` bytes (0: any) at the address signals `event` and doesn't leave the kernel
  // (KVM_IOEVENTFD).
  [[nodiscard]] Result<void> bind_pio_doorbell(const EventFd& event, std::uint16_t port,
                                               std::uint32_t length);
  // Only a write of `value`, where one is given: several doorbells can share an address.
  [[nodiscard]] Result<void> bind_mmio_doorbell(const EventFd& event, GuestAddress address,
                                                std::uint32_t length,
                                                std::optional<std::uint64_t> value = std::nullopt);

  // The fd of a new vCPU (KVM_CREATE_VCPU).
  [[nodiscard]] Result<UniqueFd> create_vcpu(std::uint32_t index) const;

 private:
  explicit Vm(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  [[nodiscard]] Result<void> map_memory(const GuestMemory& memory);
  [[nodiscard]] Result<void> create_interrupt_controllers();
  [[nodiscard]] Result<void> bind_doorbell(const EventFd& event, std::uint64_t address,
                                           std::uint32_t length, std::uint32_t flags,
                                           std::optional<std::uint64_t> value);

  UniqueFd fd_;
};

}  // namespace bothy
