#include "run/container/container_process.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "base/signals.h"
#include "run/container/init_signal.h"

namespace bothy::run {
namespace {

constexpr std::chrono::milliseconds kReapInterval{50};

}  // namespace

Result<ProcessPipes> ProcessPipes::open(const ProcessSpec& process, std::int64_t user,
                                        std::int64_t group) {
  ProcessPipes pipes;
  for (std::size_t i = 0; !process.terminal && i < pipes.ours.size(); ++i) {
    const bool is_input = i == 0;
    if (is_input && !process.interactive) {
      continue;
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return errno_error("can't create a pipe");
    }
    pipes.ours.at(i).reset(ends.at(is_input ? 1 : 0));
    pipes.theirs.at(i).reset(ends.at(is_input ? 0 : 1));
    if (user >= 0 && ::fchown(ends[0], static_cast<uid_t>(user), static_cast<gid_t>(group)) != 0) {
      return errno_error("can't set the owner of a pipe");
    }
  }
  return pipes;
}

ContainerProcess::ContainerProcess(boost::asio::io_context& executor, Clock& clock,
                                   container::Launching launching, Hooks hooks, bool is_first,
                                   bool waits)
    : launching_(std::move(launching)),
      hooks_(std::move(hooks)),
      is_first_(is_first),
      waits_(waits),
      report_(executor),
      exit_(executor),
      retry_(executor, clock) {}

Result<void> ContainerProcess::begin(ProcessPipes pipes) {
  BOTHY_TRY(report_.borrow(launching_.report_fd()));
  watch_report();
  if (launching_.pidfd() >= 0) {
    BOTHY_TRY(exit_.borrow(launching_.pidfd()));
    exit_.wait(FdWatch::Event::kReadable, [this] { on_exit(); });
  }
  for (std::size_t i = 0; i < pipes.ours.size(); ++i) {
    if (pipes.ours.at(i)) {
      hooks_.stream(static_cast<std::uint32_t>(i), std::move(pipes.ours.at(i)));
    }
  }
  return success();
}

void ContainerProcess::watch_report() {
  report_.wait(FdWatch::Event::kReadable, [this] { on_report(); });
}

void ContainerProcess::on_report() {
  static_cast<void>(take_report(launching_.read_report()));
}

// Whether another one may follow at once.
bool ContainerProcess::take_report(container::LaunchReport report) {
  switch (report.status) {
    case container::LaunchStatus::kPending:
    case container::LaunchStatus::kPaused:  // not without hooks
    case container::LaunchStatus::kHook:
    case container::LaunchStatus::kHookEnd:
    case container::LaunchStatus::kListener:  // not in a profile of this interface
      watch_report();
      return false;
    case container::LaunchStatus::kTerminal:
      terminal_.reset(::fcntl(report.terminal.get(), F_DUPFD_CLOEXEC, 0));
      if (columns_ != 0) {
        resize(columns_, rows_);
      }
      hooks_.stream(0, std::move(report.terminal));
      watch_report();
      return true;
    case container::LaunchStatus::kRunning:
      on_ready();
      return false;
    case container::LaunchStatus::kFailed:
      on_failed(report);
      return false;
  }
  return false;
}

void ContainerProcess::on_ready() {
  report_.close();
  if (waits_ && state_ == State::kStarting) {
    state_ = State::kWaiting;
    if (!is_gone_) {
      hooks_.waiting();
    }
    return;
  }
  state_ = State::kRunning;
  hooks_.started();
  for (const int signal : std::exchange(pending_, {})) {
    deliver(signal);
  }
}

void ContainerProcess::on_failed(const container::LaunchReport& report) {
  report_.close();
  state_ = State::kFailed;
  // Whatever error keeps bothy from starting it isn't the command's.
  hooks_.not_started(report.at_exec ? report.error_number : EINVAL, report.message);
  if (launching_.pidfd() < 0) {
    end();
  }
}

void ContainerProcess::release(UniqueFd connection) {
  launching_.report_by(std::move(connection));
  if (!report_.borrow(launching_.report_fd())) {
    send_signal(launching_.pidfd(), SIGKILL);
    return;
  }
  watch_report();
}

void ContainerProcess::on_exit() {
  is_gone_ = true;
  // What the process has reported comes first.
  while (report_.is_open() && take_report(launching_.read_report())) {
  }
  const auto reaped = reap(WNOHANG);
  if (!reaped) {
    // A process of the container traces it: that one's wait comes first (ptrace(2)).
    return retry_.start(kReapInterval, [this] { on_exit(); });
  }
  const int status = *reaped;
  if (state_ != State::kFailed) {
    if (state_ != State::kRunning) {
      hooks_.started();  // it was killed before it could
    }
    const bool by_us = deadly_signal_ != 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    hooks_.exited(by_us ? deadly_signal_ : status);
  }
  end();
}

void ContainerProcess::end() {
  state_ = State::kEnded;
  report_.close();
  exit_.close();
  terminal_.reset();
  const auto ended = hooks_.ended;  // it may destroy this
  ended();
}

std::optional<int> ContainerProcess::reap(int options) noexcept {
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = ::waitpid(launching_.pid(), &status, options);
  } while (reaped < 0 && errno == EINTR);
  if (reaped == 0) {
    return std::nullopt;
  }
  return reaped > 0 ? status : SIGKILL;
}

void ContainerProcess::signal(int signal) {
  if (launching_.pidfd() < 0 || has_ended()) {
    return;
  }
  if (is_running() || signal == SIGKILL) {
    deliver(signal);
  } else {
    pending_.push_back(signal);
  }
}

// A process that a signal ends, as PID 1 too: its owner's clients see the same as with any other.
void ContainerProcess::deliver(int signal) {
  const bool is_dropped = is_first_ && is_dropped_for_init(launching_.pid(), signal);
  if (is_dropped && deadly_signal_ == 0) {
    deadly_signal_ = signal;
  }
  send_signal(launching_.pidfd(), is_dropped ? SIGKILL : signal);
}

void ContainerProcess::resize(std::uint16_t columns, std::uint16_t rows) {
  columns_ = columns;
  rows_ = rows;
  if (terminal_) {
    const winsize size{rows, columns, 0, 0};
    ::ioctl(terminal_.get(), TIOCSWINSZ, &size);
  }
}

void ContainerProcess::kill_and_wait() noexcept {
  report_.close();
  exit_.close();
  retry_.cancel();
  terminal_.reset();
  if (!has_ended() && launching_.pidfd() >= 0) {
    send_signal(launching_.pidfd(), SIGKILL);
    static_cast<void>(reap(0));
  }
  state_ = State::kEnded;
}

}  // namespace bothy::run
