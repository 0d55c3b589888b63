#include "devices/legacy/rtc.h"

#include <utility>

namespace bothy {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::system_clock;

// MC146818 datasheet, table 2 and figure 11 on. The century's place is that of PCs and of ACPI's
// FADT.
enum Register : std::uint8_t {
  kSeconds = 0,
  kMinutes = 2,
  kHours = 4,
  kDayOfWeek = 6,
  kDayOfMonth = 7,
  kMonth = 8,
  kYear = 9,
  kRegisterA = 10,
  kRegisterB = 11,
  kRegisterC = 12,
  kRegisterD = 13,
  kCentury = 0x32,
};

constexpr std::uint8_t kIndexMask = 0x7f;           // bit 7 is the NMI mask of a PC
constexpr std::uint8_t kUpdateInProgress = 0x80;    // A
constexpr std::uint8_t kDivider32kHz1024Hz = 0x26;  // A, as a BIOS leaves it
constexpr std::uint8_t kSet = 0x80;                 // B
constexpr std::uint8_t kBinary = 0x04;              // B
constexpr std::uint8_t k24Hours = 0x02;             // B
constexpr std::uint8_t kValidRam = 0x80;            // D
constexpr std::uint8_t kPm = 0x80;                  // in the hours, when counting to 12

constexpr std::chrono::milliseconds kLatch{10};
constexpr std::chrono::years kMaxOffset{10000};  // the century and the year count no further

bool is_time(std::uint8_t index) noexcept {
  return index == kSeconds || index == kMinutes || index == kHours ||
         (index >= kDayOfWeek && index <= kYear) || index == kCentury;
}

}  // namespace

Rtc::Rtc(Clock clock) : clock_(std::move(clock)) {
  state_.ram.at(kRegisterA) = kDivider32kHz1024Hz;
  state_.ram.at(kRegisterB) = k24Hours;
}

void Rtc::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  for (std::byte& byte : data) {
    if (offset++ == 1) {  // the index port is write-only
      byte = std::byte{read_data()};
    }
  }
}

void Rtc::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  for (const std::byte byte : data) {
    const auto value = std::to_integer<std::uint8_t>(byte);
    if (offset == 0) {
      state_.index = value & kIndexMask;
    } else if (offset == 1) {
      write_data(value);
    }
    ++offset;
  }
}

std::uint8_t Rtc::read_data() noexcept {
  switch (state_.index) {
    case kRegisterA:
      latch_time();
      return state_.ram.at(kRegisterA);
    case kRegisterC:  // no interrupt is ever pending
      return 0;
    case kRegisterD:
      return kValidRam;
    default:
      if (is_time(state_.index)) {
        refresh_latch();
      }
      return state_.ram.at(state_.index);
  }
}

void Rtc::write_data(std::uint8_t value) noexcept {
  switch (state_.index) {
    case kRegisterA:
      state_.ram.at(kRegisterA) = value & static_cast<std::uint8_t>(~kUpdateInProgress);
      break;
    case kRegisterB:
      write_control(value);
      break;
    case kRegisterC:
    case kRegisterD:
      break;
    default:
      if (!is_time(state_.index)) {
        state_.ram.at(state_.index) = value;
        break;
      }
      latch_time();
      state_.ram.at(state_.index) = value;
      if (!stopped()) {
        take_time();
      }
      break;
  }
}

void Rtc::write_control(std::uint8_t value) noexcept {
  latch_time();
  const bool was_stopped = stopped();
  state_.ram.at(kRegisterB) = value;
  if (was_stopped && !stopped()) {
    take_time();
  } else if (!stopped()) {
    latch_time();  // in the format just chosen
  }
}

bool Rtc::stopped() const noexcept {
  return (state_.ram.at(kRegisterB) & kSet) != 0;
}

sys_seconds Rtc::guest_time() const noexcept {
  return floor<seconds>(clock_()) + seconds(state_.offset_seconds);
}

void Rtc::latch_time() noexcept {
  if (!stopped()) {
    latched_at_ = clock_();
    show_time(guest_time());
  }
}

void Rtc::refresh_latch() noexcept {
  const auto age = clock_() - latched_at_;
  if (age < age.zero() || age > kLatch) {
    latch_time();
  }
}

void Rtc::show_time(sys_seconds time) noexcept {
  const sys_days day = floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  const auto show = [this](Register index, unsigned value) {
    state_.ram.at(index) = encode(value);
  };
  show(kSeconds, static_cast<unsigned>(clock.seconds().count()));
  show(kMinutes, static_cast<unsigned>(clock.minutes().count()));
  state_.ram.at(kHours) = encode_hour(static_cast<unsigned>(clock.hours().count()));
  show(kDayOfWeek, std::chrono::weekday(day).c_encoding() + 1);  // Sunday is 1
  show(kDayOfMonth, static_cast<unsigned>(date.day()));
  show(kMonth, static_cast<unsigned>(date.month()));
  show(kYear, year % 100);
  show(kCentury, year / 100 % 100);
}

// Sets the guest's time from the registers. An invalid date changes nothing.
void Rtc::take_time() noexcept {
  const auto shown = [this](Register index) { return decode(state_.ram.at(index)); };
  const unsigned century = shown(kCentury);
  const unsigned year = shown(kYear);
  const unsigned hour = decode_hour(state_.ram.at(kHours));
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(century * 100 + year)),
                                         std::chrono::month(shown(kMonth)),
                                         std::chrono::day(shown(kDayOfMonth)));
  if (century < 100 && year < 100 && date.ok() && hour < 24 && shown(kMinutes) < 60 &&
      shown(kSeconds) < 60) {
    const sys_seconds time = sys_days(date) + std::chrono::hours(hour) +
                             std::chrono::minutes(shown(kMinutes)) + seconds(shown(kSeconds));
    state_.offset_seconds = (time - floor<seconds>(clock_())).count();
  }
  latch_time();
}

std::uint8_t Rtc::encode(unsigned value) const noexcept {
  const bool binary = (state_.ram.at(kRegisterB) & kBinary) != 0;
  return static_cast<std::uint8_t>(binary ? value : value / 10 * 16 + value % 10);
}

unsigned Rtc::decode(std::uint8_t value) const noexcept {
  const bool binary = (state_.ram.at(kRegisterB) & kBinary) != 0;
  return binary ? value : value / 16U * 10U + value % 16U;
}

std::uint8_t Rtc::encode_hour(unsigned hour) const noexcept {
  if ((state_.ram.at(kRegisterB) & k24Hours) != 0) {
    return encode(hour);
  }
  const unsigned shown = hour % 12 == 0 ? 12 : hour % 12;
  return static_cast<std::uint8_t>(encode(shown) | (hour >= 12 ? kPm : 0U));
}

unsigned Rtc::decode_hour(std::uint8_t value) const noexcept {
  if ((state_.ram.at(kRegisterB) & k24Hours) != 0) {
    return decode(value);
  }
  const unsigned shown = decode(value & static_cast<std::uint8_t>(~kPm));
  return shown % 12 + ((value & kPm) != 0 ? 12 : 0);
}

RtcState Rtc::save() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Result<void> Rtc::restore(const RtcState& state) {
  const seconds offset(state.offset_seconds);
  if (offset > kMaxOffset || offset < -kMaxOffset) {
    return make_error(ErrorCode::kInvalid, "the real-time clock's saved state makes no sense");
  }
  const std::lock_guard lock(mutex_);
  state_ = state;
  state_.index &= kIndexMask;
  state_.ram.at(kRegisterA) &= static_cast<std::uint8_t>(~kUpdateInProgress);
  latched_at_ = {};
  return success();
}

}  // namespace bothy
