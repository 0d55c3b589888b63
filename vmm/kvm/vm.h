// Vm: one virtual machine of KVM: memory slots, interrupt routes, irqfds, ioeventfds.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "arch/cpu_features.h"
#include "base/event_fd.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "memory/guest_memory.h"
#include "vmm/kvm/ioctl/interrupt_route.h"
#include "vmm/kvm/kvm.h"

namespace bothy {

// Move-only. Does not own the guest memory that it maps: the memory outlives the Vm. Functions may
// be called from any thread; each is one ioctl.
class Vm {
 public:
  // A machine without memory (KVM_CREATE_VM), to be given one by set_up().
  [[nodiscard]] static Result<Vm> create(const Kvm& kvm);

  // Makes all of `memory` the machine's RAM, one slot per region, and creates the in-kernel
  // interrupt controllers. Once, before the first vCPU.
  [[nodiscard]] Result<void> set_up(const Kvm& kvm, const GuestMemory& memory,
                                    const arch::CpuFeatures& features = {});

  // The frequency of the guest's time stamp counters in kHz; 0 when KVM knows that of a vCPU only
  // (before Linux 5.16) or not at all (KVM_GET_TSC_KHZ).
  [[nodiscard]] std::uint32_t tsc_khz() const noexcept;

  // A signal on `event` becomes an interrupt by the routes of `gsi`: an edge on a pin, or a message
  // (KVM_IRQFD).
  [[nodiscard]] Result<void> bind_irq(const EventFd& event, std::uint32_t gsi);

  // The interrupt-route table. From set_up() on it holds the routes that KVM sets by default.
  [[nodiscard]] std::span<const InterruptRoute> interrupt_routes() const noexcept {
    return routes_;
  }
  // Replaces the whole table (KVM_SET_GSI_ROUTING). Takes milliseconds once interrupts are in use:
  // KVM waits for an SRCU grace period. On failure the table is as before.
  [[nodiscard]] Result<void> set_interrupt_routes(std::span<const InterruptRoute> routes);

  // A write of `length` bytes (0: any) at the address signals `event` without an exit to the
  // monitor (KVM_IOEVENTFD).
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
  [[nodiscard]] Result<void> bind_doorbell(const EventFd& event, std::uint64_t address,
                                           std::uint32_t length, std::uint32_t flags,
                                           std::optional<std::uint64_t> value);

  UniqueFd fd_;
  std::vector<InterruptRoute> routes_;
};

}  // namespace bothy
