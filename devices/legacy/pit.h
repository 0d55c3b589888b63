// Pit: the i8254 timer of a PC with port 0x61, as far as kernels use them to calibrate another
// clock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>

#include "devices/bus.h"

namespace bothy {

// Three counters of 1193182 Hz (Intel 8254 datasheet, 231164). They count and can be read, latched
// and gated. None interrupts: the machine is hardware-reduced (ACPI 6.5, 4.1), so a guest keeps
// time by its local APICs, and KVM's own i8254, with a thread for each guest, is not needed.
//
// BCD counting, which kernels don't use, is treated as binary.
class Pit final : public BusHandler {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Clock = std::function<Time()>;

  // Ports 0x40 to 0x43 of a PC: the counters and the command register.
  static constexpr std::uint64_t kPorts = 4;
  // Port 0x61: the gate of counter 2 (bit 0) and its output (bit 5), the refresh toggle (bit 4).
  static constexpr std::uint64_t kControl = 4;

  explicit Pit(Clock clock = std::chrono::steady_clock::now) : clock_(std::move(clock)) {}

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

 private:
  struct Counter {
    std::uint32_t reload = 0x10000;
    std::uint8_t mode = 3;
    std::uint8_t access = 3;  // 1: low byte, 2: high byte, 3: both in turn
    bool write_high = false;  // the next byte of a pair
    bool read_high = false;
    bool running = false;  // loaded since the mode was set
    bool gate = true;
    std::uint8_t low = 0;            // the first byte of a pair
    std::uint16_t latched = 0;       // by the counter-latch command
    std::uint8_t latched_bytes = 0;  // how many of them are still to be read
    std::uint8_t status = 0;         // by the read-back command
    bool status_latched = false;
    Time started{};
    std::uint64_t stopped_ticks = 0;  // its position while its gate is low
  };

  [[nodiscard]] std::uint64_t ticks(const Counter& counter) const;
  [[nodiscard]] std::uint16_t count(const Counter& counter) const;
  [[nodiscard]] bool output(const Counter& counter) const;
  void start(Counter& counter) const;
  void set_gate(Counter& counter, bool gate) const;
  void write_command(std::uint8_t command);
  void read_back(std::uint8_t command);
  static void latch(Counter& counter, std::uint16_t count) noexcept;
  void write_counter(Counter& counter, std::uint8_t value) const;
  [[nodiscard]] std::uint8_t read_counter(Counter& counter) const;
  [[nodiscard]] std::uint8_t read_control() const;
  void write_control(std::uint8_t value);

  const Clock clock_;
  std::mutex mutex_;
  std::array<Counter, 3> state_{};
  bool speaker_ = false;
};

}  // namespace bothy
