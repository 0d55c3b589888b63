// BootConsole: the host's end of a guest's console and ports.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "cli/boot/options.h"
#include "devices/host/console/character_backend.h"
#include "devices/host/console/input.h"
#include "devices/host/console/tail.h"
#include "devices/host/console/terminal.h"
#include "vmm/machine/machine.h"

namespace bothy {

// Has an executor of its own, so that a stalled terminal keeps nobody else from being served.
//
//   create() -> sink(), ports() for the machine -> attach() -> release() -> stop() -> destructor
//
// All functions are the owner's, from one thread.
class BootConsole {
 public:
  struct Hooks {
    std::function<void(int error_number)> broken;  // nobody reads the console any more
    std::function<void()> quit;                    // Ctrl-A x
  };

  // Opens what the options name. Hooks are called on the console's executor.
  [[nodiscard]] static Result<std::unique_ptr<BootConsole>> create(const BootOptions& options,
                                                                   Hooks hooks);
  BootConsole(const BootConsole&) = delete;
  BootConsole& operator=(const BootConsole&) = delete;
  ~BootConsole();

  [[nodiscard]] CharacterSink& sink() noexcept { return *tail_; }
  [[nodiscard]] std::span<CharacterSink* const> ports() const noexcept { return port_sinks_; }
  // Input goes to the machine's devices from now on, and its console has the terminal's size. Says
  // on stderr where a console or a port is that nobody could find. Outlived by the machine.
  [[nodiscard]] Result<void> attach(Machine& machine);

  // After a stop and SIGCONT.
  void reapply_terminal() const noexcept;
  // The terminal may have another size. Before stop().
  void follow_size(Machine& machine) const;

  // Ends waiting for room, so that the machine can be stopped.
  void release() noexcept;
  // Once the machine has stopped: prints what is left and gives the terminal back.
  void stop() noexcept;

  // The last lines that the guest printed.
  [[nodiscard]] std::string tail(std::size_t lines) const { return tail_->tail(lines); }

 private:
  BootConsole(const BootOptions& options, Hooks hooks);

  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<void> attach_stdin(CharacterReceiver& receiver);

  const BootOptions& options_;
  const Hooks hooks_;
  Executor executor_{"console"};
  std::unique_ptr<CharacterBackend> backend_;
  std::optional<ConsoleTail> tail_;
  std::vector<std::unique_ptr<CharacterBackend>> ports_;
  std::vector<CharacterSink*> port_sinks_;
  std::optional<RawTerminal> terminal_;
  std::unique_ptr<ConsoleInput> input_;
};

}  // namespace bothy
