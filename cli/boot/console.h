// BootConsole: the host's end of a guest's console and of the devices that have a channel.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/terminal.h"
#include "cli/boot/options.h"
#include "devices/host/console/character_backend.h"
#include "devices/host/console/input.h"
#include "devices/host/console/tail.h"
#include "vmm/machine/machine.h"

namespace bothy {

// Has an executor of its own, so that a stalled terminal delays nothing else.
//
//   create() -> sink(), device_sinks() for the machine -> attach() -> release() -> stop() -> ~
//
// All functions are the owner's, from one thread.
class BootConsole {
 public:
  struct Hooks {
    std::function<void(int error_number)> broken;  // the console's output can't be written
    std::function<void()> quit;                    // Ctrl-A x
  };

  // Opens what the options name. Hooks are called on the console's executor.
  [[nodiscard]] static Result<std::unique_ptr<BootConsole>> create(const BootOptions& options,
                                                                   Hooks hooks);
  BootConsole(const BootConsole&) = delete;
  BootConsole& operator=(const BootConsole&) = delete;
  ~BootConsole();

  [[nodiscard]] CharacterSink& sink() noexcept { return *tail_; }
  // Of the devices that have a CharacterChannel, in the order of the configuration.
  [[nodiscard]] std::span<CharacterSink* const> device_sinks() const noexcept {
    return device_sinks_;
  }
  // Sends input to the machine's devices from now on, and tells its console the terminal's size.
  // Prints on stderr the paths of ptys. The machine outlives this object.
  [[nodiscard]] Result<void> attach(Machine& machine);

  // Nothing is opened from now on.
  void confine() { executor_.confine(); }

  // After a stop and SIGCONT.
  void reapply_terminal() const noexcept;
  // After SIGWINCH, before stop().
  void follow_size(Machine& machine) const;

  // Ends every wait for room in the output, so that the machine can be stopped.
  void release() noexcept;
  // Once the machine has stopped: writes the remaining output and restores the terminal.
  void stop() noexcept;

  // The last lines that the guest printed.
  [[nodiscard]] std::string tail(std::size_t lines) const { return tail_->tail(lines); }

 private:
  BootConsole(const BootOptions& options, Hooks hooks);

  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<void> attach_stdin(CharacterReceiver& receiver);

  const BootOptions& options_;
  const Hooks hooks_;
  Executor executor_{"console", ThreadRole::kConsole};
  std::unique_ptr<CharacterBackend> backend_;
  std::optional<ConsoleTail> tail_;
  struct Channel {
    CharacterChannel config;
    std::unique_ptr<CharacterBackend> backend;
  };
  std::vector<Channel> channels_;
  std::vector<CharacterSink*> device_sinks_;
  std::optional<RawTerminal> terminal_;
  std::unique_ptr<ConsoleInput> input_;
};

}  // namespace bothy
