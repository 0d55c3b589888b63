// BootRun: one guest of `bothy boot`, with its console, signals and timeout.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "cli/boot/console.h"
#include "cli/boot/options.h"
#include "cli/boot/outcome.h"
#include "vmm/control/control_server.h"
#include "vmm/machine/machine_run.h"

namespace bothy {

// The main thread is the control executor. Used once, from the main thread.
class BootRun final {
 public:
  // `deadline` is set by --timeout, which counts over all restarts.
  BootRun(const BootOptions& options,
          std::optional<std::chrono::steady_clock::time_point> deadline);
  BootRun(const BootRun&) = delete;
  BootRun& operator=(const BootRun&) = delete;
  ~BootRun();

  // Builds the machine, runs it to its end and takes it down. Errors are those of building it.
  [[nodiscard]] Result<BootOutcome> run();

 private:
  [[nodiscard]] Result<void> build();
  [[nodiscard]] Result<void> start();
  [[nodiscard]] MachineRun::Hooks machine_hooks();
  [[nodiscard]] Result<void> open_control_socket();
  void watch_signals();
  void watch_terminal();
  void watch_deadline();
  // The first outcome counts. Control thread only.
  void finish(BootOutcome outcome);
  void tear_down() noexcept;
  void collect(BootOutcome& outcome) const;
  void tell_boot_times();
  [[nodiscard]] BootTimes boot_times() const;

  const BootOptions& options_;
  const std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::optional<BootOutcome> outcome_;
  bool boot_times_told_ = false;

  // In the order of building.
  boost::asio::io_context control_{1};
  boost::asio::signal_set signals_{control_};
  boost::asio::signal_set terminal_signals_{control_};
  boost::asio::steady_timer timeout_{control_};
  std::unique_ptr<BootConsole> console_;
  MachineRun guest_;
  std::unique_ptr<ControlServer> control_server_;
};

}  // namespace bothy
