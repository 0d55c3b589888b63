#include "oci/vm_owner.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/terminal.h"
#include "container/stage/plan_format.h"
#include "container/sysctls.h"
#include "oci/bundle.h"
#include "oci/loopback_sockets.h"
#include "oci/own_streams.h"
#include "oci/pod_network.h"
#include "oci/port_forwards.h"
#include "oci/vm_exec.h"
#include "oci/vm_processes.h"
#include "oci/vm_spec.h"
#include "run/exit_codes.h"
#include "run/vm/prepare.h"
#include "run/vm/vm_isolation.h"
#include "sandbox/confinement.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;

// Those that have an effect of their own in this process, or can't be caught.
bool is_forwarded(int signal) {
  constexpr std::array kOwn{SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS, SIGFPE,
                            SIGILL,  SIGTRAP, SIGPIPE, SIGTTIN, SIGTTOU};
  return std::ranges::count(kOwn, signal) == 0 && signal != wake_signal();
}

// What `start`, or `run`, waits for.
class OwnerReport {
 public:
  explicit OwnerReport(int socket) : socket_(socket) {
    static_cast<void>(::fcntl(socket, F_SETFD, FD_CLOEXEC));
  }

  void started() { send({ct::Report::kReady, 0, 0}, {}); }
  // `error_number` is 0 where `text` says it all: otherwise the reader adds the errno's text.
  void failed(int error_number, std::string_view text) {
    send({ct::Report::kFailed, error_number, 0}, text);
  }
  [[nodiscard]] bool is_pending() const noexcept { return static_cast<bool>(socket_); }

 private:
  void send(ct::Report report, std::string_view text) {
    std::string message(reinterpret_cast<const char*>(&report), sizeof(report));
    message += text;
    static_cast<void>(::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL));
    socket_.reset();
  }

  UniqueFd socket_;
};

class VmOwner final : private run::IsolationEvents {
 public:
  VmOwner(const Records& records, std::string id) : records_(records), id_(std::move(id)) {}

  int run();

 private:
  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<void> forward_ports();
  void watch_signals();
  void on_signal(int signal);
  void end_workload(int code, const std::string& error);
  void check_done();

  void on_started(std::uint32_t process) override;
  void on_not_started(std::uint32_t process, int error_number, const std::string& message) override;
  void on_stream(std::uint32_t process, std::uint32_t index, UniqueFd stream) override;
  void on_exited(std::uint32_t process, int wait_status) override;
  void on_copied(std::uint32_t, int, const std::string&) override {}
  void on_path_info(std::uint32_t, const run::PathInfo&) override {}
  void on_statistics(const run::Statistics&) override {}
  void on_ports(std::span<const std::uint16_t> ports) override;
  void on_disconnected(const std::string&) override {}
  void on_failed(const std::string& message) override;
  void on_ended(const std::string& reason) override;

  const Records& records_;
  const std::string id_;
  OwnerReport report_{kOwnerReport};
  boost::asio::io_context executor_{1};
  boost::asio::signal_set signals_{executor_};
  run::Timeline timeline_;
  run::RunOptions options_;
  run::ProcessSpec process_;
  UniqueFd root_;
  std::optional<run::Instance> instance_;
  std::shared_ptr<run::Workload> workload_;
  std::optional<OwnStreams> streams_;
  std::optional<RawTerminal> terminal_;
  std::unique_ptr<run::VmIsolation> isolation_;
  std::optional<VmProcesses> processes_;  // but the first
  std::optional<LoopbackSockets> loopback_;
  std::optional<PortForwards> forwards_;  // of a pod with a network
  int code_ = run::kOwnFailure;
  bool has_written_ = false;  // the workload has ended, and all its output is written
  bool has_ended_ = false;    // nothing runs any more
};

int VmOwner::run() {
  if (const auto started = start(); !started) {
    report_.failed(0, started.error().context);
    return run::kOwnFailure;
  }
  sandbox::confine_main();
  executor_.run();
  isolation_->close();
  terminal_.reset();
  return code_;
}

Result<void> VmOwner::start() {
  BOTHY_TRY(const Record record, records_.load(id_));
  BOTHY_TRY(ct::OciSpec spec, records_.load_config(id_));
  resolve_paths(spec, record.bundle);
  BOTHY_TRY(options_, guest_options(spec));
  process_ = guest_process(*spec.process);
  run::VmParts parts;
  parts.guest.shared = shared_root(spec);
  for (const auto& [name, value] : spec.sysctls) {
    parts.guest.sysctls.emplace_back(ct::sysctl_path(name), value);
  }
  BOTHY_TRY(const std::vector<PodInterface> interfaces, read_pod_network());
  for (const PodInterface& interface : interfaces) {
    parts.guest.interfaces.push_back(interface.guest);
  }
  parts.guest.watch_ports = !interfaces.empty();
  BOTHY_TRY(parts.kernel, run::find_kernel());
  const std::string directory = records_.directory(id_);
  instance_.emplace(directory, directory);
  // Before there are threads: those that serve the guest confine themselves.
  // Engines look at the container's files by this process.
  BOTHY_TRY(root_, open_file(spec.root.path, O_PATH | O_DIRECTORY));
  sandbox::Policy policy{sandbox::Role::kBoot, {}, {{directory, sandbox::Landlock::kConnect}}};
  policy.main_root = root_.get();
  BOTHY_TRY(sandbox::prepare(sandbox::Mode::kOn, policy));
  if (parts.guest.watch_ports) {
    BOTHY_TRY(forward_ports());
  }
  run::Workload::Setup setup;
  setup.terminal = process_.terminal;
  setup.input = true;
  workload_ = std::make_shared<run::Workload>(executor_, Clock::steady(), setup,
                                              [](const run::WorkloadEnd&) {});
  streams_.emplace(executor_, workload_,
                   [this](int code, const std::string& error) { end_workload(code, error); });
  const run::IsolationContext context{executor_, Clock::steady(), *this,     timeline_,
                                      options_,  process_,        *instance_};
  BOTHY_TRY(isolation_, run::VmIsolation::make(context, std::move(parts)));
  BOTHY_TRY(connect_pod_network(interfaces));
  processes_.emplace(executor_, *isolation_);
  BOTHY_TRY(processes_->listen(owner_socket(records_, id_)));
  watch_signals();
  if (process_.terminal) {
    terminal_ = RawTerminal::enter(STDIN_FILENO, RawTerminal::Output::kAsIs);
  }
  streams_->start();
  return isolation_->start();
}

Result<void> VmOwner::forward_ports() {
  BOTHY_TRY(loopback_, LoopbackSockets::start());
  PortForwards::Hooks hooks;
  hooks.listen = [this](std::uint16_t port) { return loopback_->listen(port); };
  hooks.connect = [this](std::uint32_t connection, std::uint16_t port) {
    isolation_->connect(connection, port);
  };
  hooks.forget = [this](std::uint32_t connection) { isolation_->forget(connection); };
  forwards_.emplace(executor_, Clock::steady(), std::move(hooks));
  return success();
}

void VmOwner::on_ports(std::span<const std::uint16_t> ports) {
  if (forwards_) {
    forwards_->set_ports(ports);
  }
}

void VmOwner::watch_signals() {
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (is_forwarded(signal)) {
      boost::system::error_code ignored;  // those of the C library's own
      signals_.add(signal, ignored);
    }
  }
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (!error) {
      on_signal(signal);
      watch_signals();
    }
  });
}

void VmOwner::on_signal(int signal) {
  if (signal == SIGWINCH && process_.terminal) {
    const TerminalSize size = terminal_size(STDIN_FILENO);
    isolation_->resize(0, size.columns, size.rows);
  } else {
    isolation_->signal(0, signal);
  }
}

void VmOwner::on_started(std::uint32_t process) {
  if (process != 0) {
    return processes_->on_started(process);
  }
  if (report_.is_pending()) {
    report_.started();
    if (process_.terminal) {
      on_signal(SIGWINCH);
    }
  }
}

void VmOwner::on_not_started(std::uint32_t process, int error_number, const std::string& message) {
  if (process != 0) {
    return processes_->on_not_started(process, error_number, message);
  }
  const bool of_command = message.starts_with("can't run '");
  report_.failed(of_command ? error_number : 0,
                 of_command ? message.substr(0, message.rfind(": ")) : message);
  workload_->fail(run::code_of_failed_start(error_number), {});
}

void VmOwner::on_stream(std::uint32_t process, std::uint32_t index, UniqueFd stream) {
  if (forwards_ && process >= PortForwards::kFirst) {
    return forwards_->on_stream(process, std::move(stream));
  }
  if (process != 0) {
    return processes_->on_stream(process, index, std::move(stream));
  }
  workload_->set_stream(index, std::move(stream));
}

void VmOwner::on_exited(std::uint32_t process, int wait_status) {
  if (process != 0) {
    return processes_->on_exited(process, wait_status);
  }
  workload_->set_exited(wait_status);
}

void VmOwner::on_failed(const std::string& message) {
  workload_->fail(run::kOwnFailure, message);
}

void VmOwner::end_workload(int code, const std::string& error) {
  has_written_ = true;
  code_ = code;
  processes_->end_all();
  if (!error.empty() && report_.is_pending()) {
    report_.failed(0, error);
  } else if (!error.empty()) {
    log(LogLevel::kError, "{}", error);
  }
  if (!has_ended_) {
    isolation_->shut_down(run::Shutdown::kOrderly);
  }
  check_done();
}

void VmOwner::on_ended(const std::string& reason) {
  has_ended_ = true;
  if (!workload_->has_ended()) {
    workload_->fail(run::kOwnFailure, reason);
  }
  check_done();
}

void VmOwner::check_done() {
  if (has_ended_ && has_written_) {
    executor_.stop();
  }
}

}  // namespace

int own_vm(const Records& records, const std::string& id) {
  return VmOwner(records, id).run();
}

}  // namespace bothy::oci
