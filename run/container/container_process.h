// ContainerProcess: a process of a container, from its launch to its exit.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd_watch.h"
#include "base/result.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "container/launcher.h"
#include "run/run_spec.h"

namespace bothy::run {

// The pipes of a process without a terminal.
struct ProcessPipes {
  std::array<UniqueFd, 3> ours;    // empty where there is none
  std::array<UniqueFd, 3> theirs;  // likewise: /dev/null

  // Those that `process` has. `user` and `group` are ids of the host that own them, so that the
  // process can open /dev/stdout; -1: the caller's.
  [[nodiscard]] static Result<ProcessPipes> open(const ProcessSpec& process, std::int64_t user,
                                                 std::int64_t group);
  [[nodiscard]] std::array<int, 3> stdio() const noexcept {
    return {theirs[0].get(), theirs[1].get(), theirs[2].get()};
  }
};

// For the executor's thread. No hook but the last may destroy the process.
//
//   [starting] --> [waiting] -- release() --> [running] --> [ended]
//       with a start socket alone             the command
class ContainerProcess {
 public:
  struct Hooks {
    std::function<void()> waiting;
    std::function<void()> started;
    // An errno value and a complete message; `ended` follows.
    std::function<void(int, const std::string&)> not_started;
    std::function<void(std::uint32_t, UniqueFd)> stream;
    // As of waitpid(); only after `started`.
    std::function<void(int)> exited;
    std::function<void()> ended;  // reaped; the last one
  };

  // `is_first`: the process is PID 1 of its namespace. `waits`: it has a start socket.
  ContainerProcess(boost::asio::io_context& executor, Clock& clock, container::Launching launching,
                   Hooks hooks, bool is_first, bool waits);

  // Watches the process. `pipes` are its streams.
  [[nodiscard]] Result<void> begin(ProcessPipes pipes);
  // Lets a waiting process execute its command: `connection` is to its start socket.
  void release(UniqueFd connection);

  // Those that come before the command runs are delivered when it does; SIGKILL at once.
  void signal(int signal);
  void resize(std::uint16_t columns, std::uint16_t rows);

  [[nodiscard]] pid_t pid() const noexcept { return launching_.pid(); }
  [[nodiscard]] int pidfd() const noexcept { return launching_.pidfd(); }
  [[nodiscard]] bool is_running() const noexcept { return state_ == State::kRunning; }
  [[nodiscard]] bool has_ended() const noexcept { return state_ == State::kEnded; }

  // SIGKILL, and waits for the end; no hook is called from then on.
  void kill_and_wait() noexcept;

 private:
  enum class State { kStarting, kWaiting, kRunning, kFailed, kEnded };

  void watch_report();
  void on_report();
  [[nodiscard]] bool take_report(container::LaunchReport report);
  void on_ready();
  void on_failed(const container::LaunchReport& report);
  void on_exit();
  void end();
  void deliver(int signal);
  // Nothing while the process runs, or a process that traces it has it.
  [[nodiscard]] std::optional<int> reap(int options) noexcept;

  container::Launching launching_;
  const Hooks hooks_;
  const bool is_first_;
  const bool waits_;
  State state_ = State::kStarting;
  bool is_gone_ = false;  // ended, and about to be reaped
  FdWatch report_;
  FdWatch exit_;
  Timer retry_;
  UniqueFd terminal_;  // a copy, for resize()
  std::vector<int> pending_;
  std::uint16_t columns_ = 0;  // to be set when the terminal comes; 0: nothing
  std::uint16_t rows_ = 0;
  int deadly_signal_ = 0;  // for which SIGKILL was sent
};

}  // namespace bothy::run
