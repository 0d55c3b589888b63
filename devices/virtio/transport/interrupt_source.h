// InterruptSource: how a transport interrupts its driver.
#pragma once

#include <cstdint>

#include "devices/interrupt.h"

namespace bothy::virtio {

// A transport may have one interrupt for everything, or one for each queue and one for changes of
// the configuration (PCI's MSI-X; virtio 1.2, 4.1.5.1.2). Any thread.
class InterruptSource {
 public:
  InterruptSource() = default;
  InterruptSource(const InterruptSource&) = delete;
  InterruptSource& operator=(const InterruptSource&) = delete;
  virtual ~InterruptSource() = default;

  // Requests have been completed on the queue of that index.
  virtual void notify_queue(std::uint16_t index) noexcept = 0;
  // The configuration, or the need for a reset, has changed.
  virtual void notify_config() noexcept = 0;
};

// One line for everything: the driver reads the reason from the interrupt status.
class LineInterrupt final : public InterruptSource {
 public:
  // `line` outlives this object.
  explicit LineInterrupt(const Interrupt& line) noexcept : line_(line) {}

  void notify_queue(std::uint16_t) noexcept override { line_.trigger(); }
  void notify_config() noexcept override { line_.trigger(); }

 private:
  const Interrupt& line_;
};

}  // namespace bothy::virtio
