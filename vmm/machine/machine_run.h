// MachineRun: drives one guest from the building of its machine to the meaning of its end.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/timer.h"
#include "vmm/machine/machine.h"

namespace bothy {

//   MachineRun() -- build() --> [built] -- start() --> [running] -- stop() --> [stopped]
//                                                        |            ^
//                                                        |            | the owner's answer to
//                                                        `ended`, v            | or its own
//                                                        decision
//     reset, power-off, triple fault, vCPU failure --> hooks.ended ---+
//     panic, then none of these for kPanicGrace -----> hooks.ended (kPanicked)
//
// All functions are for the thread that runs the control executor, and hooks are called on it. A
// hook may call stop(). After stop() or destruction, no hook is called.
class MachineRun final : private MachineListener {
 public:
  // Enough for a kernel to print its last lines and to reset; with panic=0 it hangs instead.
  static constexpr std::chrono::milliseconds kPanicGrace{2000};

  struct Hooks {
    // Once: why the guest ended. Its machine still exists, and its other vCPUs may still run.
    std::function<void(const MachineEnd& end)> ended;
    // Once, or never: the guest's init wrote the boot marker. May be empty.
    std::function<void()> boot_marker;
    // Called by stop() first: ends every wait for room in a console's output, since a vCPU that
    // waits there can't be joined. May be empty.
    std::function<void()> release_writers;
  };

  // `control` and `clock` outlive the run.
  MachineRun(boost::asio::io_context& control, Hooks hooks, Clock& clock = Clock::steady());
  MachineRun(const MachineRun&) = delete;
  MachineRun& operator=(const MachineRun&) = delete;
  // Stops the machine, then destroys it.
  ~MachineRun() override;

  // As Machine::build(). The sinks outlive the run.
  [[nodiscard]] Result<void> build(const MachineConfig& config, CharacterSink& console,
                                   std::span<CharacterSink* const> devices = {});
  [[nodiscard]] Result<void> start();
  // Releases the writers, joins the vCPUs and stops the devices. Harmless in every state.
  void stop() noexcept;

  // Once built.
  [[nodiscard]] Machine& machine() noexcept { return *machine_; }
  [[nodiscard]] const Machine& machine() const noexcept { return *machine_; }

  // When the guest's init wrote the boot marker; nothing if it hasn't.
  [[nodiscard]] std::optional<Clock::TimePoint> boot_marker_time() const noexcept;

  // What the machine reports to. Tests use it in the place of a machine.
  [[nodiscard]] MachineListener& listener() noexcept { return *this; }

 private:
  // Runs `action` on the control executor, unless the run has been stopped by then.
  template <class Action>
  void post(Action action);
  void finish(const MachineEnd& end);

  void on_machine_end(MachineEnd end) noexcept override;
  void on_panic() noexcept override;
  void on_boot_marker() noexcept override;

  boost::asio::io_context& control_;
  const Hooks hooks_;
  Clock& clock_;
  std::atomic<Clock::Duration::rep> marked_at_{0};  // 0: not yet
  Timer panic_timer_;
  bool finished_ = false;
  // Reset by stop(): handlers that are queued by then see it expired. vCPU threads copy only
  // `alive_`, which never changes.
  std::shared_ptr<const bool> active_ = std::make_shared<const bool>(true);
  const std::weak_ptr<const bool> alive_ = active_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace bothy
