#include "run/vm_owner.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "devices/host/console/output.h"
#include "guest/embed/initramfs.h"
#include "guest/embed/program.h"
#include "run/guest_config.h"

namespace bothy::run {
namespace {

constexpr int kCantRun = 126;  // as Docker has them
constexpr int kNotFound = 127;
constexpr int kTimedOut = 124;
constexpr std::chrono::seconds kHangUpPatience{2};
constexpr off_t kMostMessages = 1 << 20;  // of owner.log, which then starts anew
constexpr std::chrono::seconds kMessagesPause{60};
constexpr std::uint64_t kMostConsole = 4U << 20U;  // of the console's file, which then starts anew

// A file without a name, which is read by its path in /proc.
Result<UniqueFd> in_memory(const std::vector<std::byte>& bytes) {
  UniqueFd fd(::memfd_create("initramfs", MFD_CLOEXEC));
  if (!fd) {
    return errno_error("can't make a file in memory");
  }
  BOTHY_TRY(write_all(fd.get(), bytes, "a file in memory"));
  return fd;
}

int code_of_failed_start(int error_number) noexcept {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return kNotFound;
    case EACCES:
    case EPERM:
    case ENOEXEC:
    case EISDIR:
    case ELIBBAD:
      return kCantRun;
    default:
      return kOwnFailure;
  }
}

}  // namespace

VmOwner::VmOwner(OwnedRun run) : run_(std::move(run)) {
  state_.owner = ::getpid();
  Workload::Setup setup;
  setup.terminal = run_.process.terminal;
  setup.input = run_.process.interactive;
  setup.token = run_.process.token = random_token();
  if (auto log = LogFile::create(run_.created.instance.log_path())) {
    log_.emplace(std::move(log).value());
    setup.log = &*log_;
  }
  first_ = std::make_shared<Workload>(control_, setup,
                                      [this](const WorkloadEnd& end) { on_first_end(end); });
}

VmOwner::~VmOwner() {
  console_executor_.stop();
}

int VmOwner::run() {
  run_.timeline.mark("owner begins");
  watch_signals();
  bound_messages();
  if (run_.client) {
    const Session starter = add_client(std::move(run_.client));
    starter->expect_no_request();
    if (run_.options.detach) {
      waiting_for_first_.insert(starter);
    } else {
      starter->attach(0, first_);
    }
  }
  auto built = build();
  run_.timeline.mark("machine built");
  if (built) {
    built = machine_->start();
  }
  if (built) {
    watch_timeout();
  } else {
    machine_ended_ = true;
    fail(kOwnFailure, built.error().context);
  }
  control_.run();
  leave();
  return state_.exit_code;
}

Result<void> VmOwner::build() {
  BOTHY_TRY(console_executor_.start());
  MachineConfig config = machine_config(run_.options, run_.disk.path, run_.created.instance);
  BOTHY_TRY(open_console(config.console.backend.path));
  tail_.emplace(*console_);
  BOTHY_TRY(link_, GuestLink::listen(control_, run_.created.instance.at("vsock"), link_hooks()));
  BOTHY_TRY(open_api());
  std::vector<std::string> names;
  std::vector<guest::Module> modules;
  for (const KernelModule& module : run_.modules) {
    names.push_back(module.name);
    modules.push_back({module.name, module.content});
  }
  const auto initramfs = guest::make_initramfs(
      guest::guest_init_program(), guest_config(run_.options, run_.process, names), modules);
  BOTHY_TRY(initramfs_, in_memory(initramfs));
  config.initrds.push_back(fmt::format("/proc/self/fd/{}", initramfs_.get()));
  machine_ = std::make_unique<MachineRun>(control_, machine_hooks());
  return machine_->build(config, *tail_);
}

Result<void> VmOwner::open_console(const std::string& path) {
  BOTHY_TRY(const UniqueFd file, open_file(path, O_WRONLY | O_APPEND | O_CREAT, 0600));
  BOTHY_TRY(auto output, ConsoleOutput::create(console_executor_.context(), file.get(), {}));
  output->set_limit(kMostConsole);
  console_ = std::move(output);
  return success();
}

Result<void> VmOwner::open_api() {
  BOTHY_TRY(UnixListener listener, UnixListener::bind("api", run_.created.instance.api_path()));
  api_.emplace(control_, std::move(listener),
               [this](UniqueFd socket) { add_client(std::move(socket)); });
  return success();
}

VmOwner::Session VmOwner::add_client(UniqueFd socket) {
  ClientRequests& requests = *this;
  const auto session = std::make_shared<ClientSession>(control_, std::move(socket), requests);
  sessions_.insert(session);
  session->start();
  return session;
}

GuestLink::Hooks VmOwner::link_hooks() {
  GuestLink::Hooks hooks;
  hooks.up = [this] { run_.timeline.mark("its init speaks"); };
  hooks.stream = [this](std::uint32_t process, const agent::Opening& opening, UniqueFd fd) {
    const auto further = further_.find(process);
    if (process == 0) {
      first_->set_stream(opening, std::move(fd));
    } else if (further != further_.end()) {
      further->second->set_stream(opening, std::move(fd));
    }
  };
  hooks.started = [this](std::uint32_t process) { on_started(process); };
  hooks.not_started = [this](std::uint32_t process, int error_number, const std::string& words) {
    on_not_started(process, error_number, words);
  };
  hooks.exited = [this](std::uint32_t process, int wait_status) {
    const auto further = further_.find(process);
    if (process == 0) {
      first_->set_exited(wait_status);
    } else if (further != further_.end()) {
      further->second->set_exited(wait_status);
    }
  };
  hooks.copied = [this](std::uint32_t number, int error_number, const std::string& words) {
    on_copied(number, error_number, words);
  };
  hooks.seen = [this](std::uint32_t number, const GuestPath& seen) { on_seen(number, seen); };
  hooks.statistics = [this](const agent::Statistics& statistics) { tell_statistics(statistics); };
  hooks.failed = [this](std::string words) { fail(kOwnFailure, std::move(words)); };
  hooks.gone = [this] { on_hung_up(); };
  return hooks;
}

MachineRun::Hooks VmOwner::machine_hooks() {
  MachineRun::Hooks hooks;
  hooks.ended = [this](const MachineEnd& end) { on_machine_ended(end); };
  hooks.boot_marker = [this] { run_.timeline.mark("its init begins"); };
  hooks.release_writers = [this] { console_->release_writers(); };
  return hooks;
}

void VmOwner::watch_signals() {
  signals_.add(SIGTERM);
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) {
      stop_guest(SIGTERM, run_.settings.stop_timeout);
      watch_signals();
    }
  });
}

// A guest can make us complain, some lines a second, for as long as it runs.
void VmOwner::bound_messages() {
  struct stat status {};
  if (::fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_size > kMostMessages) {
    [[maybe_unused]] const int truncated = ::ftruncate(STDERR_FILENO, 0);
  }
  messages_timer_.expires_after(kMessagesPause);
  messages_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      bound_messages();
    }
  });
}

void VmOwner::save_state() const {
  if (const auto saved = run_.created.instance.write_state(state_); !saved) {
    log(LogLevel::kError, "{}", saved.error().context);
  }
}

void VmOwner::watch_timeout() {
  if (!run_.options.timeout) {
    return;
  }
  timeout_.expires_after(*run_.options.timeout);
  timeout_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      switch_off(kTimedOut, "it was still running when its --timeout was over");
    }
  });
}

void VmOwner::on_started(std::uint32_t process) {
  if (process == 0 && state_.started == 0) {
    run_.timeline.mark("the command runs");
    state_.status = Status::kRunning;
    state_.started = std::time(nullptr);
    save_state();
    tell_started({});
    return;
  }
  const auto waiting = waiting_for_start_.find(process);
  if (waiting != waiting_for_start_.end()) {
    tell_outcome(*waiting->second, 0, {});
    waiting->second->finish();
    waiting_for_start_.erase(waiting);
  }
}

void VmOwner::on_not_started(std::uint32_t process, int error_number, const std::string& words) {
  const int code = code_of_failed_start(error_number);
  if (process == 0) {
    return fail(code, words);
  }
  const auto waiting = waiting_for_start_.find(process);
  if (waiting != waiting_for_start_.end()) {
    tell_outcome(*waiting->second, code, words);
    waiting->second->finish();
    waiting_for_start_.erase(waiting);
  }
  const auto further = further_.find(process);
  if (further != further_.end()) {
    further->second->fail(code, words);
  }
}

// The machine's end follows, unless the guest plays with us.
void VmOwner::on_hung_up() {
  for (const Session& session : std::exchange(waiting_for_statistics_, {})) {
    session->refuse("its init has hung up");
  }
  if (machine_ended_ || first_->has_ended()) {
    return;
  }
  grace_.expires_after(kHangUpPatience);
  grace_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      on_machine_ended({MachineEndReason::kFailed, 0, "its init hung up"});
    }
  });
}

void VmOwner::switch_off(int code, std::string words) {
  switched_off_ = true;
  fail(code, std::move(words));
}

void VmOwner::fail(int code, std::string words) {
  if (first_->has_ended()) {
    return;
  }
  state_.error = words;
  first_->fail(code, std::move(words));
}

int run_owner(OwnedRun run) {
  VmOwner owner(std::move(run));
  return owner.run();
}

}  // namespace bothy::run
