// I8042: the parts of a PC's keyboard controller that reset the machine and that let a driver's
// probing end quickly.
#pragma once

#include <mutex>
#include <optional>

#include "devices/bus.h"
#include "devices/guest_events.h"

namespace bothy {

// The saved state of an I8042.
struct I8042State {
  std::uint8_t command_byte = 0x74;     // both interfaces disabled, translation, self-test passed
  std::optional<std::uint8_t> command;  // waits for its parameter
  std::optional<std::uint8_t> output;   // not read by the guest yet
};

// Ports 0x60 and 0x64 of a PC, without those between them. No keyboard or mouse is attached, and no
// interrupt is connected. The input buffer is never full, and every command is answered at once, so
// a driver never waits.
class I8042 final : public BusHandler {
 public:
  // Offsets: data; and command, which reads as status.
  enum Port : std::uint64_t { kData = 0, kCommand = 1 };

  explicit I8042(GuestEvents& events) noexcept : events_(events) {}

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

  [[nodiscard]] I8042State save() const noexcept;
  void restore(const I8042State& state) noexcept;

 private:
  [[nodiscard]] bool write_command(std::uint8_t command) noexcept;
  [[nodiscard]] bool write_data(std::uint8_t value) noexcept;

  GuestEvents& events_;
  mutable std::mutex mutex_;
  I8042State state_;
};

}  // namespace bothy
