#include "devices/legacy/i8042.h"

#include <utility>

namespace bothy {
namespace {

// Status
constexpr std::uint8_t kOutputFull = 0x01;
constexpr std::uint8_t kSystemFlag = 0x04;  // as the command byte has it
constexpr std::uint8_t kUnlocked = 0x10;

// Command byte
constexpr std::uint8_t kKeyboardDisabled = 0x10;
constexpr std::uint8_t kAuxDisabled = 0x20;

// Commands (Intel 8042 as IBM's PS/2 programmed it)
enum Command : std::uint8_t {
  kReadCommandByte = 0x20,
  kWriteCommandByte = 0x60,
  kDisableAux = 0xa7,
  kEnableAux = 0xa8,
  kTestAux = 0xa9,
  kSelfTest = 0xaa,
  kTestKeyboard = 0xab,
  kDisableKeyboard = 0xad,
  kEnableKeyboard = 0xae,
  kReadInputPort = 0xc0,
  kReadOutputPort = 0xd0,
  kWriteOutputPort = 0xd1,
  kWriteKeyboardOutput = 0xd2,
  kWriteAuxOutput = 0xd3,
  kWriteAux = 0xd4,
  kPulseOutput = 0xf0,  // 0xf0 to 0xff: the low bits are the lines that stay high
};

constexpr std::uint8_t kSelfTestPassed = 0x55;
constexpr std::uint8_t kTestPassed = 0x00;
constexpr std::uint8_t kTestClockStuckLow = 0x01;  // no device
constexpr std::uint8_t kNotReset = 0x01;           // output port: low resets the processor
constexpr std::uint8_t kA20 = 0x02;

}  // namespace

void I8042::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  for (std::byte& byte : data) {
    if (offset == kData) {
      byte = std::byte{std::exchange(state_.output, std::nullopt).value_or(0)};
    } else if (offset == kCommand) {
      byte = static_cast<std::byte>(kUnlocked | (state_.command_byte & kSystemFlag) |
                                    (state_.output ? kOutputFull : 0U));
    }
    ++offset;
  }
}

void I8042::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  bool reset = false;
  {
    const std::lock_guard lock(mutex_);
    for (const std::byte byte : data) {
      const auto value = std::to_integer<std::uint8_t>(byte);
      if (offset == kData) {
        reset |= write_data(value);
      } else if (offset == kCommand) {
        reset |= write_command(value);
      }
      ++offset;
    }
  }
  if (reset) {
    events_.on_guest_event(GuestEvent::kReset);
  }
}

// True when the command resets the machine.
bool I8042::write_command(std::uint8_t command) noexcept {
  state_.command.reset();
  switch (command) {
    case kReadCommandByte:
      state_.output = state_.command_byte;
      break;
    case kDisableAux:
      state_.command_byte |= kAuxDisabled;
      break;
    case kEnableAux:
      state_.command_byte &= static_cast<std::uint8_t>(~kAuxDisabled);
      break;
    case kTestAux:
      state_.output = kTestClockStuckLow;
      break;
    case kSelfTest:
      state_.command_byte |= kSystemFlag;
      state_.output = kSelfTestPassed;
      break;
    case kTestKeyboard:
      state_.output = kTestPassed;
      break;
    case kDisableKeyboard:
      state_.command_byte |= kKeyboardDisabled;
      break;
    case kEnableKeyboard:
      state_.command_byte &= static_cast<std::uint8_t>(~kKeyboardDisabled);
      break;
    case kReadInputPort:
      state_.output = 0;
      break;
    case kReadOutputPort:
      state_.output = kNotReset | kA20;
      break;
    case kWriteCommandByte:
    case kWriteOutputPort:
    case kWriteKeyboardOutput:
    case kWriteAuxOutput:
    case kWriteAux:
      state_.command = command;
      break;
    default:
      return command >= kPulseOutput && (command & kNotReset) == 0;
  }
  return false;
}

// True when the byte resets the machine.
bool I8042::write_data(std::uint8_t value) noexcept {
  // Without a command the byte is for the keyboard, which is absent.
  switch (std::exchange(state_.command, std::nullopt).value_or(0)) {
    case kWriteCommandByte:
      state_.command_byte = value;
      return false;
    case kWriteOutputPort:
      return (value & kNotReset) == 0;
    case kWriteKeyboardOutput:
    case kWriteAuxOutput:
      // Returned as a keyboard's byte, never as a mouse's, so that a probe for a mouse fails at
      // once.
      state_.output = value;
      return false;
    default:
      return false;
  }
}

I8042State I8042::save() const noexcept {
  const std::lock_guard lock(mutex_);
  return state_;
}

void I8042::restore(const I8042State& state) noexcept {
  const std::lock_guard lock(mutex_);
  state_ = state;
}

}  // namespace bothy
