#include "devices/legacy/pit.h"

namespace bothy {
namespace {

constexpr std::uint64_t kHertz = 1193182;
constexpr std::uint64_t kCommand = 3;
constexpr std::uint8_t kReadBack = 3;  // in a command's field for the counter
// Port 0x61.
constexpr std::uint8_t kGate = 0x01;
constexpr std::uint8_t kSpeaker = 0x02;
constexpr std::uint8_t kRefresh = 0x10;
constexpr std::uint8_t kOutput = 0x20;
constexpr std::chrono::nanoseconds kRefreshPeriod{15085};

// Modes 1 and 5 start with their gate and continue whatever its level (datasheet, "Gate Pin
// Operations Summary").
constexpr bool gate_starts(std::uint8_t mode) noexcept {
  return mode == 1 || mode == 5;
}

// The time of that many ticks, rounded up. Whole seconds separately, so that no product wraps.
std::chrono::nanoseconds duration_of(std::uint64_t ticks) noexcept {
  return std::chrono::seconds(ticks / kHertz) +
         std::chrono::nanoseconds((ticks % kHertz * 1000000000 + kHertz - 1) / kHertz);
}

}  // namespace

std::uint64_t Pit::ticks(const Counter& counter) const {
  if (!counter.running) {
    return counter.stopped_ticks;
  }
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::nanoseconds>(clock_() - counter.started).count();
  const auto passed = static_cast<std::uint64_t>(elapsed < 0 ? 0 : elapsed);
  return passed / 1000000000 * kHertz + passed % 1000000000 * kHertz / 1000000000;
}

std::uint16_t Pit::count(const Counter& counter) const {
  const std::uint64_t passed = ticks(counter);
  switch (counter.mode) {
    case 2:
      return static_cast<std::uint16_t>(counter.reload - passed % counter.reload);
    case 3:  // twice as fast, twice a period
      return static_cast<std::uint16_t>(counter.reload - passed * 2 % counter.reload);
    default:  // past zero it continues from the top
      return static_cast<std::uint16_t>(counter.reload - passed);
  }
}

bool Pit::output(const Counter& counter) const {
  const std::uint64_t passed = ticks(counter);
  switch (counter.mode) {
    case 0:
    case 1:
      return passed >= counter.reload;
    case 2:
      return passed % counter.reload != counter.reload - 1;
    case 3:
      return passed % counter.reload < (counter.reload + 1) / 2;
    default:
      return passed != counter.reload;
  }
}

void Pit::start(Counter& counter) const {
  counter.started = clock_();
  counter.stopped_ticks = 0;
  counter.running = counter.gate && !gate_starts(counter.mode);
}

void Pit::set_gate(Counter& counter, bool gate) const {
  if (gate == counter.gate) {
    return;
  }
  counter.gate = gate;
  if (gate) {
    // In the periodic and the triggered modes a rising gate restarts; in the others it continues.
    const bool anew = counter.mode != 0 && counter.mode != 4;
    const auto passed = anew ? 0 : counter.stopped_ticks;
    counter.started = clock_() - duration_of(passed);
    counter.running = true;
  } else if (!gate_starts(counter.mode)) {
    counter.stopped_ticks = ticks(counter);
    counter.running = false;
  }
}

void Pit::write_command(std::uint8_t command) {
  const std::uint8_t selected = command >> 6U;
  if (selected == kReadBack) {
    return read_back(command);
  }
  Counter& counter = state_.at(selected);
  const std::uint8_t access = (command >> 4U) & 3U;
  if (access == 0) {
    return latch(counter, count(counter));
  }
  const bool gate = counter.gate;
  counter = Counter{};
  counter.gate = gate;
  counter.access = access;
  // Modes 2 and 3 ignore their highest bit (datasheet, "Control Word Format").
  const std::uint8_t mode = (command >> 1U) & 7U;
  counter.mode = mode > 5 ? mode & 3U : mode;
}

void Pit::read_back(std::uint8_t command) {
  for (std::size_t i = 0; i < state_.size(); ++i) {
    Counter& counter = state_.at(i);
    if ((command & (2U << i)) == 0) {
      continue;
    }
    // A clear bit requests either.
    if ((command & 0x20U) == 0) {
      latch(counter, count(counter));
    }
    if ((command & 0x10U) == 0 && !counter.status_latched) {
      counter.status =
          static_cast<std::uint8_t>((output(counter) ? 0x80U : 0U) |
                                    unsigned{counter.access} << 4U | unsigned{counter.mode} << 1U);
      counter.status_latched = true;
    }
  }
}

// A latched count that has not been read stays (datasheet, "Counter Latch Command").
void Pit::latch(Counter& counter, std::uint16_t count) noexcept {
  if (counter.latched_bytes == 0) {
    counter.latched = count;
    counter.latched_bytes = counter.access == 3 ? 2 : 1;
  }
}

void Pit::write_counter(Counter& counter, std::uint8_t value) const {
  if (counter.access == 3 && !counter.write_high) {
    counter.low = value;
    counter.write_high = true;
    return;
  }
  std::uint32_t reload = value;
  if (counter.access != 1) {
    reload = reload << 8U | (counter.access == 3 ? counter.low : 0U);
  }
  counter.write_high = false;
  counter.reload = reload == 0 ? 0x10000 : reload;
  start(counter);
}

std::uint8_t Pit::read_counter(Counter& counter) const {
  if (counter.status_latched) {
    counter.status_latched = false;
    return counter.status;
  }
  const bool latched = counter.latched_bytes != 0;
  const std::uint16_t value = latched ? counter.latched : count(counter);
  bool high = counter.access == 2;
  if (counter.access == 3) {
    high = latched ? counter.latched_bytes == 1 : counter.read_high;
    counter.read_high = !latched && !counter.read_high;
  }
  if (latched) {
    --counter.latched_bytes;
  }
  return static_cast<std::uint8_t>(high ? value >> 8U : value & 0xffU);
}

std::uint8_t Pit::read_control() const {
  const Counter& counter = state_.back();
  const auto refreshes = clock_().time_since_epoch() / kRefreshPeriod;
  return static_cast<std::uint8_t>((counter.gate ? kGate : 0) | (speaker_ ? kSpeaker : 0) |
                                   (refreshes % 2 != 0 ? kRefresh : 0) |
                                   (output(counter) ? kOutput : 0));
}

void Pit::write_control(std::uint8_t value) {
  set_gate(state_.back(), (value & kGate) != 0);
  speaker_ = (value & kSpeaker) != 0;
}

void Pit::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  for (std::byte& byte : data) {
    if (offset < kCommand) {
      byte = std::byte{read_counter(state_.at(static_cast<std::size_t>(offset)))};
    } else if (offset == kControl) {
      byte = std::byte{read_control()};
    }
    ++offset;
  }
}

void Pit::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  for (const std::byte byte : data) {
    const auto value = std::to_integer<std::uint8_t>(byte);
    if (offset < kCommand) {
      write_counter(state_.at(static_cast<std::size_t>(offset)), value);
    } else if (offset == kCommand) {
      write_command(value);
    } else if (offset == kControl) {
      write_control(value);
    }
    ++offset;
  }
}

}  // namespace bothy
