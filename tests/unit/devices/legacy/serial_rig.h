// SerialRig: a serial port on a bus, and a driver that knows its registers.
#pragma once

#include <string_view>

#include "devices/legacy/serial.h"
#include "tests/support/catch.h"
#include "tests/support/character_recorder.h"
#include "tests/support/port_driver.h"

namespace bothy {

inline constexpr std::uint64_t kBase = 0x3f8;

// Registers by the names that drivers use.
enum Port : std::uint64_t {
  kRbr = kBase,
  kThr = kBase,
  kDll = kBase,
  kIer = kBase + 1,
  kDlm = kBase + 1,
  kIir = kBase + 2,
  kFcr = kBase + 2,
  kLcr = kBase + 3,
  kMcr = kBase + 4,
  kLsr = kBase + 5,
  kMsr = kBase + 6,
  kScr = kBase + 7,
};

inline std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct SerialRig {
  Interrupt interrupt{EventFd::create().value()};
  CharacterRecorder sink;
  Serial serial{interrupt, sink};
  Bus bus;
  PortDriver driver{bus};

  SerialRig() { REQUIRE(bus.add(kBase, Serial::kPorts, serial).has_value()); }

  [[nodiscard]] std::uint8_t in(std::uint64_t port) const { return driver.in(port); }
  void out(std::uint64_t port, unsigned value) const {
    driver.out(port, static_cast<std::uint8_t>(value));
  }
  [[nodiscard]] char received() const { return static_cast<char>(in(kRbr)); }
  [[nodiscard]] bool interrupted() const { return interrupt.event().drain() != 0; }
  // As Linux's 8250 driver leaves a console that is open.
  void open(unsigned ier, unsigned fcr = 0x81) const {
    out(kFcr, fcr);
    out(kLcr, 3);
    out(kMcr, 0x0b);
    out(kIer, ier);
    static_cast<void>(interrupted());
  }
};

}  // namespace bothy
