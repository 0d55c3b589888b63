// Serial: a 16550A UART (TI/National PC16550D datasheet) as a PC wires it.
#pragma once

#include <array>
#include <mutex>

#include "devices/bus.h"
#include "devices/character.h"
#include "devices/interrupt.h"

namespace bothy {

// The saved state of a Serial. Registers as the datasheet names them.
struct SerialState {
  static constexpr std::size_t kFifoSize = 16;

  std::uint8_t interrupt_enable = 0;
  std::uint8_t fifo_control = 0;  // the stored part of FCR: FIFO enable and the trigger level
  std::uint8_t line_control = 0;
  std::uint8_t modem_control = 0;
  std::uint8_t modem_status = 0xb0;  // DCD, DSR and CTS: the other end is connected
  std::uint8_t scratch = 0;
  std::uint16_t divisor = 1;  // 115200 baud; not used, but a driver may divide by it
  bool overrun = false;
  bool transmitter_empty_interrupt = false;  // THRE as an interrupt source, until IIR shows it
  std::uint8_t received_count = 0;
  std::array<std::uint8_t, kFifoSize> received{};  // oldest first
};

// Transmission takes no time, so the transmitter is always empty. Bytes from the host are taken
// only while the guest asserts RTS or has enabled the receive interrupt: the input of a guest that
// is still booting waits for the driver instead of being lost in the FIFO resets of probing.
//
// The interrupt is an edge: it is triggered when a source appears, and again when the guest reads
// IIR and leaves one pending, so a driver that serves one source per interrupt misses none. As on a
// PC, OUT2 gates it.
class Serial final : public BusHandler, public CharacterReceiver {
 public:
  static constexpr std::uint64_t kPorts = 8;

  Serial(const Interrupt& interrupt, CharacterSink& sink) noexcept
      : interrupt_(interrupt), sink_(sink) {}

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

  [[nodiscard]] std::size_t receive(std::span<const std::byte> bytes) noexcept override;
  void set_room_hook(std::function<void()> hook) noexcept override;

  [[nodiscard]] SerialState save() const noexcept;
  // Fails with kInvalid, and changes nothing, when save() can't have returned the state. A
  // pending interrupt is triggered again.
  [[nodiscard]] Result<void> restore(const SerialState& state);

 private:
  using Sources = std::uint8_t;

  [[nodiscard]] std::uint8_t read_register(std::uint64_t offset) noexcept;
  void write_register(std::uint64_t offset, std::uint8_t value) noexcept;
  [[nodiscard]] bool transmits(std::uint64_t offset) const noexcept;
  void transmitted() noexcept;

  [[nodiscard]] std::uint8_t take_received() noexcept;
  [[nodiscard]] std::uint8_t take_interrupt_identification() noexcept;
  [[nodiscard]] std::uint8_t take_line_status() noexcept;
  [[nodiscard]] std::uint8_t take_modem_status() noexcept;
  void write_interrupt_enable(std::uint8_t value) noexcept;
  void write_fifo_control(std::uint8_t value) noexcept;
  void write_modem_control(std::uint8_t value) noexcept;
  void loop_back(std::uint8_t value) noexcept;

  [[nodiscard]] bool divisor_latched() const noexcept;
  [[nodiscard]] bool looped() const noexcept;
  [[nodiscard]] bool accepting() const noexcept;
  [[nodiscard]] bool fifo_enabled() const noexcept;
  [[nodiscard]] std::size_t capacity() const noexcept;
  [[nodiscard]] std::size_t trigger_level() const noexcept;
  [[nodiscard]] Sources pending() const noexcept;
  [[nodiscard]] Sources asserted() const noexcept;
  void signal_new(Sources before) const noexcept;
  void offer_room() noexcept;

  const Interrupt& interrupt_;
  CharacterSink& sink_;
  mutable std::mutex mutex_;
  SerialState state_;
  bool room_wanted_ = false;
  std::function<void()> room_hook_;
};

}  // namespace bothy
