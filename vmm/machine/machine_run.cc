#include "vmm/machine/machine_run.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace bothy {

MachineRun::MachineRun(boost::asio::io_context& control, Hooks hooks, Clock& clock)
    : control_(control), hooks_(std::move(hooks)), clock_(clock), panic_timer_(control, clock) {}

MachineRun::~MachineRun() {
  stop();
}

Result<void> MachineRun::build(const MachineConfig& config, CharacterSink& console,
                               std::span<CharacterSink* const> devices) {
  BOTHY_TRY(machine_, Machine::build(config, *this, console, devices));
  return success();
}

Result<void> MachineRun::start() {
  return machine_->start();
}

void MachineRun::stop() noexcept {
  active_.reset();
  panic_timer_.cancel();
  if (hooks_.release_writers) {
    hooks_.release_writers();
  }
  if (machine_) {
    machine_->stop();
  }
}

std::optional<Clock::TimePoint> MachineRun::boot_marker_time() const noexcept {
  const Clock::TimePoint marked{Clock::Duration(marked_at_.load())};
  return marked == Clock::TimePoint{} ? std::nullopt : std::optional(marked);
}

template <class Action>
void MachineRun::post(Action action) {
  boost::asio::post(control_, [alive = alive_, action = std::move(action)] {
    if (!alive.expired()) {
      action();
    }
  });
}

// The first end counts: another one may follow a panic whose grace period has passed.
void MachineRun::finish(const MachineEnd& end) {
  if (!std::exchange(finished_, true)) {
    panic_timer_.cancel();
    hooks_.ended(end);
  }
}

void MachineRun::on_machine_end(MachineEnd end) noexcept {
  post([this, end = std::move(end)] { finish(end); });
}

void MachineRun::on_panic() noexcept {
  post([this] {
    panic_timer_.start(kPanicGrace, [this] { finish({MachineEndReason::kPanicked, 0, {}}); });
  });
}

void MachineRun::on_boot_marker() noexcept {
  marked_at_.store(clock_.now().time_since_epoch().count());
  if (hooks_.boot_marker) {
    post([this] { hooks_.boot_marker(); });
  }
}

}  // namespace bothy
