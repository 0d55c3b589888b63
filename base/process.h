// Process: a child process that gets exactly the descriptors, signals and environment given.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// How a process ended: an exit status or a signal.
class ProcessEnd {
 public:
  // `status` is wait(2)'s.
  explicit ProcessEnd(int status) noexcept : status_(status) {}

  [[nodiscard]] bool succeeded() const noexcept { return status_ == 0; }
  // Nothing when a signal ended the process.
  [[nodiscard]] std::optional<int> exit_status() const noexcept;
  // "exit status 1", "signal 9 (Killed)"
  [[nodiscard]] std::string describe() const;

 private:
  int status_;
};

struct ProcessOptions {
  // The program's arguments, its name first.
  std::vector<std::string> arguments;
  // The executable. A name without a slash is looked up in this process's PATH. Empty:
  // arguments[0].
  std::string program;
  // "NAME=value" each. Nothing: this process's environment.
  std::optional<std::vector<std::string>> environment;
  // Empty: this process's working directory.
  std::string directory;

  // Number in the child -> descriptor of this process, which keeps it. Standard descriptors that
  // aren't named here are /dev/null; no other descriptor exists in the child.
  std::map<int, int> descriptors;
  // Standard descriptors (1, 2) that are written to a pipe, for read_output().
  std::vector<int> captured;
  // The child's writes to a full pipe fail with EAGAIN instead of blocking: for a program that runs
  // on while nobody reads its output.
  bool drop_unread_output = false;

  // Sent to the child when the *thread* that starts it ends (prctl(2), PR_SET_PDEATHSIG); 0: none.
  int death_signal = 0;
  bool new_session = false;
  // The program gains no privileges by what it executes (PR_SET_NO_NEW_PRIVS), and leaves no core
  // file.
  bool least_privileges = false;

  // Runs in the child before its descriptors are arranged: namespaces, mounts, limits. It makes
  // async-signal-safe calls only. Returns nullptr, or a string literal that says what failed, with
  // errno set. The child is then a copy of this process (fork) instead of a guest in its memory.
  std::function<const char*()> before_exec;
};

// Signals of the child: nothing is blocked, and each has its default action, except that SIGHUP,
// SIGINT and SIGQUIT stay ignored where they are (nohup(1), a shell's background job).
//
// Between clone and exec the child makes system calls only, so that any thread may start a process
// at any time. A Process belongs to one thread at a time; calls block as far as they say so.
class Process {
 public:
  using Clock = std::chrono::steady_clock;

  // Waits until the program runs, or returns why it can't, before_exec's failure included:
  // kNotFound when there is no such program.
  [[nodiscard]] static Result<Process> start(const ProcessOptions& options);
  // A child that runs `body` in a copy of this process, instead of a program, and exits with its
  // result, or 1 on an exception. In a process with several threads `body` may make
  // async-signal-safe calls only. `arguments`, `program` and `environment` are ignored.
  [[nodiscard]] static Result<Process> start_function(const ProcessOptions& options,
                                                      const std::function<int()>& body);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  // Kills the child with SIGKILL and waits for its end, unless wait() or abandon() came before.
  ~Process();

  // -1 after wait() or abandon().
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // Readable once the child has ended (pidfd_open(2)).
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }

  void kill(int signal) noexcept;
  // Sends the signal to the child's process group, which a new session has; to the child alone
  // where it leads none.
  void kill_group(int signal) noexcept;

  ProcessEnd wait() noexcept;
  // Nothing when the child still runs at `deadline`.
  [[nodiscard]] std::optional<ProcessEnd> wait_until(Clock::time_point deadline) noexcept;
  // Leaves the child alone; it stays a zombie after its end.
  void abandon() noexcept;

  enum class OutputEnd { kClosed, kDeadline, kCancelled };
  struct ReadLimits {
    Clock::time_point deadline = Clock::time_point::max();
    int cancel = -1;  // reading ends when this descriptor becomes readable; -1: none
    // Called about this often while reading.
    std::function<void()> on_tick = {};
    std::chrono::milliseconds tick{200};
  };
  // Appends captured output to output() until every process has closed its end of the pipe, or the
  // limits end it.
  OutputEnd read_output(const ReadLimits& limits);
  // The end of what has been read, at most kMaxOutput bytes.
  static constexpr std::size_t kMaxOutput = 64U << 10U;
  [[nodiscard]] const std::string& output() const noexcept { return output_; }

 private:
  Process(pid_t pid, UniqueFd pidfd, UniqueFd captured) noexcept
      : pid_(pid), pidfd_(std::move(pidfd)), captured_(std::move(captured)) {}

  [[nodiscard]] static Result<Process> start_child(const ProcessOptions& options,
                                                   const std::function<int()>* body);
  void kill_and_wait() noexcept;

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd captured_;
  std::string output_;
};

}  // namespace bothy
