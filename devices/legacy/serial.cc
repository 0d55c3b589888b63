#include "devices/legacy/serial.h"

#include <algorithm>
#include <utility>

namespace bothy {
namespace {

// PC16550D datasheet, table II. The first two are the divisor's halves while DLAB is set.
enum Register : std::uint64_t {
  kData = 0,             // RBR on a read, THR on a write
  kInterruptEnable = 1,  // IER
  kIdentification = 2,   // IIR on a read, FCR on a write
  kLineControl = 3,      // LCR
  kModemControl = 4,     // MCR
  kLineStatus = 5,       // LSR
  kModemStatus = 6,      // MSR
  kScratch = 7,          // SCR
};

// IER
constexpr std::uint8_t kEnableReceived = 0x01;
constexpr std::uint8_t kEnableTransmitterEmpty = 0x02;
constexpr std::uint8_t kEnableLineStatus = 0x04;
constexpr std::uint8_t kEnableModemStatus = 0x08;
constexpr std::uint8_t kEnableMask = 0x0f;

// IIR
constexpr std::uint8_t kIdNone = 0x01;
constexpr std::uint8_t kIdModemStatus = 0x00;
constexpr std::uint8_t kIdTransmitterEmpty = 0x02;
constexpr std::uint8_t kIdReceived = 0x04;
constexpr std::uint8_t kIdTimeout = 0x0c;
constexpr std::uint8_t kIdLineStatus = 0x06;
constexpr std::uint8_t kIdFifos = 0xc0;

// FCR
constexpr std::uint8_t kFifoEnable = 0x01;
constexpr std::uint8_t kFifoResetReceiver = 0x02;
constexpr std::uint8_t kFifoTriggerShift = 6;
constexpr std::uint8_t kFifoKept = 0xc1;
constexpr std::array<std::size_t, 4> kTriggerLevels{1, 4, 8, 14};

constexpr std::uint8_t kDivisorLatch = 0x80;  // LCR

// MCR
constexpr std::uint8_t kDtr = 0x01;
constexpr std::uint8_t kRts = 0x02;
constexpr std::uint8_t kOut1 = 0x04;
constexpr std::uint8_t kOut2 = 0x08;
constexpr std::uint8_t kLoop = 0x10;
constexpr std::uint8_t kModemControlMask = 0x1f;

// LSR
constexpr std::uint8_t kDataReady = 0x01;
constexpr std::uint8_t kOverrun = 0x02;
constexpr std::uint8_t kTransmitterIdle = 0x60;  // THRE and TEMT

// MSR: four lines, and below them whether each has changed since the last read.
constexpr std::uint8_t kCts = 0x10;
constexpr std::uint8_t kDsr = 0x20;
constexpr std::uint8_t kRing = 0x40;
constexpr std::uint8_t kCarrier = 0x80;
constexpr std::uint8_t kModemLines = 0xf0;
constexpr std::uint8_t kModemChanges = 0x0f;
constexpr std::uint8_t kRingChange = 0x04;
constexpr std::uint8_t kConnected = kCts | kDsr | kCarrier;

// What can be pending at once; the order of priority is IIR's (datasheet, table IV).
constexpr std::uint8_t kSourceLineStatus = 0x01;
constexpr std::uint8_t kSourceReceived = 0x02;
constexpr std::uint8_t kSourceTimeout = 0x04;
constexpr std::uint8_t kSourceTransmitterEmpty = 0x08;
constexpr std::uint8_t kSourceModemStatus = 0x10;

// The modem's lines in loopback mode: the outputs come back in (datasheet, 8.5).
std::uint8_t looped_lines(std::uint8_t modem_control) noexcept {
  const auto line = [modem_control](std::uint8_t output, std::uint8_t input) {
    return (modem_control & output) != 0 ? input : std::uint8_t{0};
  };
  return static_cast<std::uint8_t>(line(kDtr, kDsr) | line(kRts, kCts) | line(kOut1, kRing) |
                                   line(kOut2, kCarrier));
}

}  // namespace

void Serial::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  // An 8-bit device: a wider access is one access to each port in turn.
  for (std::byte& byte : data) {
    byte = std::byte{read_register(offset++)};
  }
}

void Serial::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  for (const std::byte byte : data) {
    const auto value = std::to_integer<std::uint8_t>(byte);
    std::unique_lock lock(mutex_);
    if (!transmits(offset)) {
      write_register(offset++, value);
      continue;
    }
    // Without the lock: the sink may wait for a stalled host, and receive() must not wait with it.
    lock.unlock();
    sink_.write({&byte, 1});
    lock.lock();
    transmitted();
    ++offset;
  }
}

std::uint8_t Serial::read_register(std::uint64_t offset) noexcept {
  switch (offset) {
    case kData:
      return divisor_latched() ? static_cast<std::uint8_t>(state_.divisor & 0xffU)
                               : take_received();
    case kInterruptEnable:
      return divisor_latched() ? static_cast<std::uint8_t>(state_.divisor >> 8U)
                               : state_.interrupt_enable;
    case kIdentification:
      return take_interrupt_identification();
    case kLineControl:
      return state_.line_control;
    case kModemControl:
      return state_.modem_control;
    case kLineStatus:
      return take_line_status();
    case kModemStatus:
      return take_modem_status();
    case kScratch:
      return state_.scratch;
    default:
      return 0xff;
  }
}

void Serial::write_register(std::uint64_t offset, std::uint8_t value) noexcept {
  switch (offset) {
    case kData:
      if (divisor_latched()) {
        state_.divisor = static_cast<std::uint16_t>((state_.divisor & 0xff00U) | value);
      } else {
        loop_back(value);
      }
      break;
    case kInterruptEnable:
      if (divisor_latched()) {
        state_.divisor =
            static_cast<std::uint16_t>((state_.divisor & 0x00ffU) | (unsigned{value} << 8U));
      } else {
        write_interrupt_enable(value);
      }
      break;
    case kIdentification:
      write_fifo_control(value);
      break;
    case kLineControl:
      state_.line_control = value;
      break;
    case kModemControl:
      write_modem_control(value);
      break;
    case kScratch:
      state_.scratch = value;
      break;
    default:  // LSR and MSR are for factory tests only
      break;
  }
}

bool Serial::transmits(std::uint64_t offset) const noexcept {
  return offset == kData && !divisor_latched() && !looped();
}

void Serial::transmitted() noexcept {
  const Sources before = asserted();
  state_.transmitter_empty_interrupt = true;
  signal_new(before);
}

// Loopback mode: what is transmitted is received, and may overrun (datasheet, 8.5 and 8.4, bit 1).
void Serial::loop_back(std::uint8_t value) noexcept {
  const Sources before = asserted();
  if (state_.received_count < capacity()) {
    state_.received.at(state_.received_count++) = value;
  } else {
    state_.overrun = true;
    if (!fifo_enabled()) {
      state_.received.front() = value;
    }
  }
  state_.transmitter_empty_interrupt = true;
  signal_new(before);
}

std::uint8_t Serial::take_received() noexcept {
  if (state_.received_count == 0) {
    return 0;
  }
  const Sources before = asserted();
  const std::uint8_t value = state_.received.front();
  std::shift_left(state_.received.begin(), state_.received.end(), 1);
  --state_.received_count;
  signal_new(before);  // below the trigger level the source is the timeout
  offer_room();
  return value;
}

std::uint8_t Serial::take_interrupt_identification() noexcept {
  const Sources sources = pending();
  std::uint8_t id = kIdNone;
  if ((sources & kSourceLineStatus) != 0) {
    id = kIdLineStatus;
  } else if ((sources & kSourceReceived) != 0) {
    id = kIdReceived;
  } else if ((sources & kSourceTimeout) != 0) {
    id = kIdTimeout;
  } else if ((sources & kSourceTransmitterEmpty) != 0) {
    id = kIdTransmitterEmpty;
    state_.transmitter_empty_interrupt = false;  // by this read (datasheet, table IV)
  } else if ((sources & kSourceModemStatus) != 0) {
    id = kIdModemStatus;
  }
  signal_new(0);
  return fifo_enabled() ? id | kIdFifos : id;
}

std::uint8_t Serial::take_line_status() noexcept {
  std::uint8_t value = kTransmitterIdle;
  if (state_.received_count != 0) {
    value |= kDataReady;
  }
  if (state_.overrun) {
    value |= kOverrun;
    state_.overrun = false;
  }
  return value;
}

std::uint8_t Serial::take_modem_status() noexcept {
  const std::uint8_t value = state_.modem_status;
  state_.modem_status &= kModemLines;
  return value;
}

void Serial::write_interrupt_enable(std::uint8_t value) noexcept {
  const Sources before = asserted();
  const auto enabled = static_cast<std::uint8_t>(value & ~state_.interrupt_enable);
  if ((enabled & kEnableTransmitterEmpty) != 0) {
    // Enabling the interrupt with an empty transmitter raises it at once: drivers start sending so.
    state_.transmitter_empty_interrupt = true;
  }
  state_.interrupt_enable = value & kEnableMask;
  signal_new(before);
  offer_room();
}

void Serial::write_fifo_control(std::uint8_t value) noexcept {
  const Sources before = asserted();
  // Turning the FIFOs off clears them, and nothing else counts while they are off (datasheet, 8.6).
  // Turning them on would, too; but Linux does so after enabling the receive interrupt, and the
  // byte received in between is the first one that a user typed.
  const bool enable = (value & kFifoEnable) != 0;
  if ((!enable && fifo_enabled()) || (enable && (value & kFifoResetReceiver) != 0)) {
    state_.received_count = 0;
  }
  state_.fifo_control = enable ? value & kFifoKept : 0;
  signal_new(before);
  offer_room();
}

void Serial::write_modem_control(std::uint8_t value) noexcept {
  const Sources before = asserted();
  state_.modem_control = value & kModemControlMask;
  const std::uint8_t lines = looped() ? looped_lines(state_.modem_control) : kConnected;
  const auto rose = static_cast<std::uint8_t>(lines & ~state_.modem_status);
  const auto changed = static_cast<std::uint8_t>((lines ^ state_.modem_status) & kModemLines);
  auto changes = static_cast<std::uint8_t>(changed >> 4U);
  if ((rose & kRing) != 0) {
    changes &= static_cast<std::uint8_t>(~kRingChange);  // only its trailing edge counts (8.8)
  }
  state_.modem_status =
      static_cast<std::uint8_t>(lines | (state_.modem_status & kModemChanges) | changes);
  signal_new(before);
  offer_room();
}

std::size_t Serial::receive(std::span<const std::byte> bytes) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t room = accepting() ? capacity() - state_.received_count : 0;
  const std::size_t taken = std::min(room, bytes.size());
  for (const std::byte byte : bytes.first(taken)) {
    state_.received.at(state_.received_count++) = std::to_integer<std::uint8_t>(byte);
  }
  room_wanted_ = taken < bytes.size();
  if (taken != 0) {
    // Each arrival is an edge, even with bytes that the guest has not read yet.
    signal_new(asserted() & static_cast<Sources>(~(kSourceReceived | kSourceTimeout)));
  }
  return taken;
}

void Serial::set_room_hook(std::function<void()> hook) noexcept {
  const std::lock_guard lock(mutex_);
  room_hook_ = std::move(hook);
}

SerialState Serial::save() const noexcept {
  const std::lock_guard lock(mutex_);
  return state_;
}

Result<void> Serial::restore(const SerialState& state) {
  const std::size_t fifo = (state.fifo_control & kFifoEnable) != 0 ? SerialState::kFifoSize : 1;
  if ((state.interrupt_enable & ~kEnableMask) != 0 || (state.fifo_control & ~kFifoKept) != 0 ||
      (state.modem_control & ~kModemControlMask) != 0 || state.received_count > fifo) {
    return make_error(ErrorCode::kInvalid, "the serial port's saved state makes no sense");
  }
  const std::lock_guard lock(mutex_);
  state_ = state;
  signal_new(0);
  offer_room();
  return success();
}

bool Serial::divisor_latched() const noexcept {
  return (state_.line_control & kDivisorLatch) != 0;
}

bool Serial::looped() const noexcept {
  return (state_.modem_control & kLoop) != 0;
}

// Whether the other end may send: RTS is asserted, or the receive interrupt enabled. In loopback
// mode the line is cut and RTS off.
bool Serial::accepting() const noexcept {
  return !looped() &&
         ((state_.modem_control & kRts) != 0 || (state_.interrupt_enable & kEnableReceived) != 0);
}

bool Serial::fifo_enabled() const noexcept {
  return (state_.fifo_control & kFifoEnable) != 0;
}

std::size_t Serial::capacity() const noexcept {
  return fifo_enabled() ? SerialState::kFifoSize : 1;
}

std::size_t Serial::trigger_level() const noexcept {
  return fifo_enabled() ? kTriggerLevels.at(state_.fifo_control >> kFifoTriggerShift) : 1;
}

Serial::Sources Serial::pending() const noexcept {
  Sources sources = 0;
  if ((state_.interrupt_enable & kEnableLineStatus) != 0 && state_.overrun) {
    sources |= kSourceLineStatus;
  }
  if ((state_.interrupt_enable & kEnableReceived) != 0 && state_.received_count != 0) {
    // The timeout of four characters' time that ends a wait for the trigger level has always
    // passed.
    sources |= state_.received_count >= trigger_level() ? kSourceReceived : kSourceTimeout;
  }
  if ((state_.interrupt_enable & kEnableTransmitterEmpty) != 0 &&
      state_.transmitter_empty_interrupt) {
    sources |= kSourceTransmitterEmpty;
  }
  if ((state_.interrupt_enable & kEnableModemStatus) != 0 &&
      (state_.modem_status & kModemChanges) != 0) {
    sources |= kSourceModemStatus;
  }
  return sources;
}

// The pending sources that reach the interrupt controller: on a PC, OUT2 gates them, and in
// loopback mode the pin is off (datasheet, 8.5).
Serial::Sources Serial::asserted() const noexcept {
  return (state_.modem_control & (kOut2 | kLoop)) == kOut2 ? pending() : Sources{0};
}

void Serial::signal_new(Sources before) const noexcept {
  if ((asserted() & ~before) != 0) {
    interrupt_.trigger();
  }
}

// Once the FIFO is empty, not with each byte: the hook costs a wake-up.
void Serial::offer_room() noexcept {
  if (room_wanted_ && accepting() && state_.received_count == 0) {
    room_wanted_ = false;
    if (room_hook_) {
      room_hook_();
    }
  }
}

}  // namespace bothy
