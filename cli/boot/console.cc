#include "cli/boot/console.h"

#include <unistd.h>

#include <utility>

#include "base/log.h"
#include "devices/host/console/output.h"

namespace bothy {
namespace {

// For a slow reader of the guest's last output.
constexpr std::chrono::seconds kFlushTimeout{5};

constexpr std::string_view kHelp =
    "\nbothy: Ctrl-A x ends the guest, Ctrl-A a sends a Ctrl-A, Ctrl-A h shows this\n";

// Reading a terminal that belongs to another job would stop this process.
bool may_read(int fd) {
  return ::isatty(fd) != 1 || ::tcgetpgrp(fd) == ::getpgrp();
}

// For a path that the user can't know beforehand.
void tell_where(std::string_view what, const CharacterBackendConfig& config,
                const CharacterBackend& backend) {
  if (config.kind == CharacterBackendConfig::Kind::kPty) {
    log(LogLevel::kError, "{} is at {}", what, backend.where());
  }
}

}  // namespace

Result<std::unique_ptr<BootConsole>> BootConsole::create(const BootOptions& options, Hooks hooks) {
  std::unique_ptr<BootConsole> console(new BootConsole(options, std::move(hooks)));
  BOTHY_TRY(console->open());
  return console;
}

BootConsole::BootConsole(const BootOptions& options, Hooks hooks)
    : options_(options), hooks_(std::move(hooks)) {}

BootConsole::~BootConsole() {
  executor_.stop();
}

Result<void> BootConsole::open() {
  BOTHY_TRY(executor_.start());
  const MachineConfig& machine = options_.machine;
  if (machine.console.backend.kind == CharacterBackendConfig::Kind::kStdio) {
    const int fd = options_.json ? STDERR_FILENO : STDOUT_FILENO;
    BOTHY_TRY(backend_, ConsoleOutput::create(executor_.context(), fd, hooks_.broken));
  } else {
    BOTHY_TRY(backend_, create_backend(executor_.context(), "--console", machine.console.backend,
                                       Unattended::kKeepNewest));
  }
  tail_.emplace(*backend_);
  for (const DeviceConfig& device : machine.devices) {
    auto channel = device.kind().channel(device);
    if (!channel) {
      continue;
    }
    BOTHY_TRY(auto backend, create_backend(executor_.context(), "--" + channel->label,
                                           channel->backend, channel->unattended));
    device_sinks_.push_back(backend.get());
    channels_.push_back({*std::move(channel), std::move(backend)});
  }
  return success();
}

Result<void> BootConsole::attach(Machine& machine) {
  const MachineConfig& config = options_.machine;
  if (CharacterReceiver* receiver = machine.console_receiver()) {
    if (config.console.backend.kind == CharacterBackendConfig::Kind::kStdio) {
      BOTHY_TRY(attach_stdin(*receiver));
      follow_size(machine);
    } else {
      backend_->serve(*receiver, [](bool) {});
      tell_where("the console", config.console.backend, *backend_);
    }
  }
  const auto ends = machine.character_ends();
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    const auto& [channel, backend] = channels_[i];
    backend->serve(*ends[i].receiver, ends[i].set_open);
    tell_where(channel.label, channel.backend, *backend);
  }
  return success();
}

Result<void> BootConsole::attach_stdin(CharacterReceiver& receiver) {
  if (!may_read(STDIN_FILENO)) {
    return success();
  }
  terminal_ = RawTerminal::enter(STDIN_FILENO, RawTerminal::Output::kLines);
  ConsoleInput::Hooks hooks;
  hooks.quit = hooks_.quit;
  hooks.help = [] {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kHelp.data(), kHelp.size());
  };
  BOTHY_TRY(input_, ConsoleInput::create(executor_.context(), STDIN_FILENO, terminal_.has_value(),
                                         receiver, std::move(hooks)));
  input_->start();
  return success();
}

void BootConsole::reapply_terminal() const noexcept {
  if (terminal_) {
    terminal_->reapply();
  }
}

void BootConsole::follow_size(Machine& machine) const {
  if (terminal_) {
    machine.resize_console(terminal_size(STDIN_FILENO));
  }
}

void BootConsole::release() noexcept {
  backend_->release_writers();
  for (const auto& channel : channels_) {
    channel.backend->release_writers();
  }
}

void BootConsole::stop() noexcept {
  executor_.stop();
  input_.reset();
  const auto deadline = std::chrono::steady_clock::now() + kFlushTimeout;
  backend_->flush(deadline);
  for (const auto& channel : channels_) {
    channel.backend->flush(deadline);
  }
  terminal_.reset();
}

}  // namespace bothy
