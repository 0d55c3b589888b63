// A guest that does anything to the legacy devices' ports, in any width, while the host types and
// states are saved and restored. Each step of the input is an operation, a port and, for some,
// bytes.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "devices/bus.h"
#include "devices/legacy/acpi_power.h"
#include "devices/legacy/boot_marker.h"
#include "devices/legacy/i8042.h"
#include "devices/legacy/pit.h"
#include "devices/legacy/pvpanic.h"
#include "devices/legacy/rtc.h"
#include "devices/legacy/serial.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"

namespace {

using namespace bothy;
using fuzz::check;
using fuzz::Input;

constexpr std::array<std::uint16_t, 7> kBases{0x3f8, 0x70, 0x60, 0x505, 0x600, 0x3f0, 0x40};
constexpr std::uint64_t kIdentification = 0x3fa;
constexpr std::uint64_t kLineStatus = 0x3fd;
constexpr std::uint64_t kControllerStatus = 0x64;
constexpr std::size_t kMaxWidth = 8;

class CountingSink final : public CharacterSink {
 public:
  void write(std::span<const std::byte> bytes) noexcept override { count += bytes.size(); }
  std::size_t try_write(std::span<const std::byte> bytes) noexcept override {
    write(bytes);
    return bytes.size();
  }
  void set_room_hook(std::function<void()>) noexcept override {}
  std::size_t count = 0;
};

class IgnoredEvents final : public GuestEvents {
 public:
  void on_guest_event(GuestEvent /*event*/) noexcept override {}
};

class Machine {
 public:
  Machine() {
    check(bus_.add(kBases[0], Serial::kPorts, serial_).has_value());
    check(bus_.add(kBases[1], Rtc::kPorts, rtc_).has_value());
    check(bus_.add(kBases[2], 1, i8042_, I8042::kData).has_value());
    check(bus_.add(kBases[2] + 1, 1, pit_, Pit::kControl).has_value());
    check(bus_.add(kControllerStatus, 1, i8042_, I8042::kCommand).has_value());
    check(bus_.add(kBases[6], Pit::kPorts, pit_).has_value());
    check(bus_.add(kBases[3], Pvpanic::kPorts, pvpanic_).has_value());
    check(bus_.add(kBases[4], AcpiPower::kPorts, power_).has_value());
    check(bus_.add(kBases[5], BootMarker::kPorts, marker_).has_value());
    serial_.set_room_hook([this] { ++rooms_; });
  }

  void step(Input& input) {
    const std::uint8_t operation = input.byte();
    const std::uint8_t where = input.byte();
    const std::uint64_t port = kBases.at((where >> 4U) % kBases.size()) + (where & 0x0fU);
    const std::size_t width = 1 + (operation >> 2U) % kMaxWidth;
    switch (operation & 3U) {
      case 0:
        read(port, width);
        break;
      case 1:
        write(port, width, input);
        break;
      case 2:
        receive(width + where % 32U, input);
        break;
      default:
        save_and_restore();
        break;
    }
    now_ += std::chrono::milliseconds(operation);
    check_invariants();
  }

 private:
  void read(std::uint64_t port, std::size_t width) {
    std::array<std::byte, kMaxWidth> bytes{};
    const bool answered = bus_.read(port, std::span(bytes).first(width));
    if (answered && port <= kIdentification && kIdentification - port < width) {
      edge_given_ = false;  // an interrupt handler has run: what it leaves must interrupt again
    }
  }

  void write(std::uint64_t port, std::size_t width, Input& input) {
    std::array<std::byte, kMaxWidth> bytes{};
    const auto data = std::span(bytes).first(width);
    input.fill(data);
    const std::size_t before = sink_.count;
    static_cast<void>(bus_.write(port, data));
    check(sink_.count <= before + 1);
  }

  void receive(std::size_t count, Input& input) {
    std::array<std::byte, 64> bytes{};
    const auto data = std::span(bytes).first(count);
    input.fill(data);
    const std::size_t held = serial_.save().received_count;
    const std::size_t taken = serial_.receive(data);
    check(taken <= count && serial_.save().received_count == held + taken);
    rooms_expected_ += taken < count ? 1U : 0U;
  }

  void save_and_restore() {
    check(serial_.restore(serial_.save()).has_value());
    check(rtc_.restore(rtc_.save()).has_value());
    i8042_.restore(i8042_.save());
    power_.restore(power_.save());
  }

  void check_invariants() {
    check(rooms_ <= rooms_expected_);
    const SerialState state = serial_.save();
    check(state.received_count <= SerialState::kFifoSize);
    // A restored port triggers when a source is pending and gated through: then the driver must
    // have been told, since it last looked at IIR.
    edge_given_ |= interrupt_.event().drain() != 0;
    check(probe_.restore(state).has_value());
    check(probe_interrupt_.event().drain() == 0 || edge_given_);
    // What drivers spin on.
    std::byte value{};
    probe_.read(kLineStatus - kBases[0], {&value, 1});
    check((value & std::byte{0x60}) == std::byte{0x60});
    check(bus_.read(kControllerStatus, {&value, 1}) && (value & std::byte{2}) == std::byte{0});
    check((rtc_.save().ram.at(10) & 0x80U) == 0);
  }

  IgnoredEvents events_;
  CountingSink sink_;
  Interrupt interrupt_{EventFd::create().value()};
  Interrupt probe_interrupt_{EventFd::create().value()};
  std::chrono::system_clock::time_point now_{std::chrono::hours(24 * 365 * 54)};
  Serial serial_{interrupt_, sink_};
  Serial probe_{probe_interrupt_, sink_};
  Rtc rtc_{[this] { return now_; }};
  Pit pit_{[this] { return Pit::Time(now_.time_since_epoch()); }};
  I8042 i8042_{events_};
  Pvpanic pvpanic_{events_};
  AcpiPower power_{{.s5_sleep_type = 5, .reset_value = 1}, events_};
  BootMarker marker_{0x7b, events_};
  Bus bus_;
  bool edge_given_ = false;
  std::size_t rooms_ = 0;
  std::size_t rooms_expected_ = 0;
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Machine machine;
  Input input({data, std::min<std::size_t>(size, 4096)});
  while (!input.ended()) {
    machine.step(input);
  }
  return 0;
}
