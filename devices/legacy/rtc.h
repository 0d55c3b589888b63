// Rtc: the MC146818 clock and CMOS RAM of a PC.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <mutex>

#include "devices/bus.h"

namespace bothy {

// The saved state of an Rtc.
struct RtcState {
  static constexpr std::size_t kRamSize = 128;

  std::uint8_t index = 0;
  // Alarms, registers A and B, NVRAM; the registers of the time only while register B's SET bit
  // stops the clock.
  std::array<std::uint8_t, kRamSize> ram{};
  std::int64_t offset_seconds = 0;  // the guest's time, less the host's
};

// Index at offset 0, data at 1. The time is the host's, in UTC, until the guest sets another; the
// host's own never changes. There are no interrupts, so alarms are stored and never expire.
//
// Reading register A, where a driver checks for an update in progress, takes a copy of the time,
// and the time registers show that copy for as long as reading them may take: no update ever falls
// between two of them, and a driver never has to wait for one.
class Rtc final : public BusHandler {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  static constexpr std::uint64_t kPorts = 2;

  explicit Rtc(Clock clock = std::chrono::system_clock::now);

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

  [[nodiscard]] RtcState save() const;
  // Fails with kInvalid, and changes nothing, when no guest can have set that offset.
  [[nodiscard]] Result<void> restore(const RtcState& state);

 private:
  [[nodiscard]] std::uint8_t read_data() noexcept;
  void write_data(std::uint8_t value) noexcept;
  void write_control(std::uint8_t value) noexcept;

  [[nodiscard]] bool stopped() const noexcept;
  [[nodiscard]] std::chrono::sys_seconds guest_time() const noexcept;
  void latch_time() noexcept;
  void refresh_latch() noexcept;
  void show_time(std::chrono::sys_seconds time) noexcept;
  void take_time() noexcept;
  [[nodiscard]] std::uint8_t encode(unsigned value) const noexcept;
  [[nodiscard]] unsigned decode(std::uint8_t value) const noexcept;
  [[nodiscard]] std::uint8_t encode_hour(unsigned hour) const noexcept;
  [[nodiscard]] unsigned decode_hour(std::uint8_t value) const noexcept;

  const Clock clock_;
  mutable std::mutex mutex_;
  RtcState state_;
  std::chrono::system_clock::time_point latched_at_{};
};

}  // namespace bothy
