#include "base/process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/poll_timeout.h"
#include "base/process_child.h"

namespace bothy {
namespace {

// From now, for poll(2); -1 for no deadline.
int timeout_until(Process::Clock::time_point deadline) noexcept {
  return deadline == Process::Clock::time_point::max()
             ? -1
             : poll_timeout(deadline - Process::Clock::now());
}

int shorter(int timeout, std::chrono::milliseconds limit) noexcept {
  const int other = static_cast<int>(limit.count());
  return timeout < 0 ? other : std::min(timeout, other);
}

}  // namespace

std::optional<int> ProcessEnd::exit_status() const noexcept {
  return WIFEXITED(status_) ? std::optional(WEXITSTATUS(status_)) : std::nullopt;
}

std::string ProcessEnd::describe() const {
  if (WIFEXITED(status_)) {
    return fmt::format("exit status {}", WEXITSTATUS(status_));
  }
  const int signal = WTERMSIG(status_);
  const char* text = ::sigdescr_np(signal);
  return fmt::format("signal {} ({})", signal, text == nullptr ? "unknown" : text);
}

Result<Process> Process::start(const ProcessOptions& options) {
  return start_child(options, nullptr);
}

Result<Process> Process::start_function(const ProcessOptions& options,
                                        const std::function<int()>& body) {
  return start_child(options, &body);
}

Result<Process> Process::start_child(const ProcessOptions& options,
                                     const std::function<int()>* body) {
  BOTHY_TRY(ChildPlan plan, ChildPlan::make(options, body));
  BOTHY_TRY(const pid_t pid, plan.clone());
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int error = errno;
  Process process(pid, std::move(pidfd), plan.take_captured());
  BOTHY_TRY(plan.wait_for_exec());
  if (!process.pidfd_) {
    return errno_error("can't get a pidfd of " + plan.name(), error);
  }
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      captured_(std::move(other.captured_)),
      output_(std::move(other.output_)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    kill_and_wait();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    captured_ = std::move(other.captured_);
    output_ = std::move(other.output_);
  }
  return *this;
}

Process::~Process() {
  kill_and_wait();
}

void Process::kill_and_wait() noexcept {
  if (pid_ > 0) {
    kill(SIGKILL);
    wait();
  }
}

void Process::kill(int signal) noexcept {
  // The number can't be another process's: nobody else waits for this child.
  if (pid_ > 0) {
    ::kill(pid_, signal);
  }
}

void Process::kill_group(int signal) noexcept {
  if (pid_ > 0 && ::kill(-pid_, signal) != 0) {
    ::kill(pid_, signal);
  }
}

ProcessEnd Process::wait() noexcept {
  int status = 0;
  while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return ProcessEnd(status);
}

std::optional<ProcessEnd> Process::wait_until(Clock::time_point deadline) noexcept {
  while (true) {
    pollfd ended{pidfd_.get(), POLLIN, 0};
    const int ready = ::poll(&ended, 1, timeout_until(deadline));
    if (ready > 0) {
      return wait();
    }
    if (ready == 0 || errno != EINTR) {
      return std::nullopt;
    }
  }
}

void Process::abandon() noexcept {
  pid_ = -1;
  pidfd_.reset();
}

Process::OutputEnd Process::read_output(const ReadLimits& limits) {
  std::array<char, 4096> buffer{};
  while (captured_) {
    std::array<pollfd, 2> waits{{{captured_.get(), POLLIN, 0}, {limits.cancel, POLLIN, 0}}};
    const int timeout = timeout_until(limits.deadline);
    const int ready = ::poll(waits.data(), waits.size(),
                             limits.on_tick ? shorter(timeout, limits.tick) : timeout);
    if (limits.on_tick) {
      limits.on_tick();
    }
    if (ready > 0 && waits[1].revents != 0) {
      return OutputEnd::kCancelled;
    }
    if (ready <= 0) {
      if (ready == 0 && timeout_until(limits.deadline) == 0) {
        return OutputEnd::kDeadline;
      }
      continue;
    }
    const ssize_t count = ::read(captured_.get(), buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) {
      break;
    }
    output_.append(buffer.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
    if (output_.size() > kMaxOutput) {
      output_.erase(0, output_.size() - kMaxOutput);
    }
  }
  return OutputEnd::kClosed;
}

}  // namespace bothy
