// InterruptRoute: one entry of a machine's interrupt-route table (KVM_SET_GSI_ROUTING).
#pragma once

#include <cstdint>
#include <variant>

namespace bothy {

// A pin of one of KVM's interrupt controllers (x86: KVM_IRQCHIP_*).
struct IrqchipPin {
  std::uint32_t chip = 0;
  std::uint32_t pin = 0;
  friend bool operator==(const IrqchipPin&, const IrqchipPin&) = default;
};

// A message-signalled interrupt, as a guest writes it into an MSI-X table (PCI 3.0, 6.8.2.6).
struct MsiMessage {
  std::uint64_t address = 0;
  std::uint32_t data = 0;
  friend bool operator==(const MsiMessage&, const MsiMessage&) = default;
};

// A GSI may have several entries for pins, or one for a message.
struct InterruptRoute {
  std::uint32_t gsi = 0;
  std::variant<IrqchipPin, MsiMessage> target;
  friend bool operator==(const InterruptRoute&, const InterruptRoute&) = default;
};

}  // namespace bothy
