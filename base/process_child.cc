#include "base/process_child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>

#include "base/files.h"
#include "base/find_program.h"

// NOLINTNEXTLINE(readability-identifier-naming,readability-redundant-declaration)
extern char** environ;

namespace bothy {
namespace {

constexpr int kExecFailed = 127;  // as a shell's

Result<std::array<UniqueFd, 2>> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("can't create a pipe");
  }
  return std::array<UniqueFd, 2>{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// The handlers of the parent must not run in the child, which may share its memory.
void reset_signal_actions() noexcept {
  struct sigaction action {};
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (::sigaction(signal, nullptr, &action) != 0) {
      continue;  // one of the C library's own
    }
    const bool stays_ignored = signal == SIGHUP || signal == SIGINT || signal == SIGQUIT;
    if (action.sa_handler == SIG_DFL || (action.sa_handler == SIG_IGN && stays_ignored)) {
      continue;
    }
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace

Result<ChildPlan> ChildPlan::make(const ProcessOptions& options, const std::function<int()>* body) {
  ChildPlan plan(options, body);
  plan.parent_ = ::getpid();
  BOTHY_TRY(plan.open_pipes());
  plan.list_redirections();
  if (body == nullptr) {
    plan.name_ = options.program.empty() ? options.arguments.front() : options.program;
    plan.programs_ = program_candidates(plan.name_, path_variable());
    plan.list_arguments();
  } else {
    plan.name_ = "a child process";
  }
  return plan;
}

Result<void> ChildPlan::open_pipes() {
  nothing_.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing_) {
    return errno_error("can't open /dev/null");
  }
  BOTHY_TRY(auto failure, make_pipe());
  failure_ = std::move(failure[0]);
  failure_of_child_ = std::move(failure[1]);
  if (!options_->captured.empty()) {
    BOTHY_TRY(auto output, make_pipe());
    captured_ = std::move(output[0]);
    captured_of_child_ = std::move(output[1]);
    if (options_->drop_unread_output) {
      BOTHY_TRY(set_nonblocking(captured_of_child_.get()));
    }
  }
  return success();
}

void ChildPlan::list_redirections() {
  std::map<int, int> all{{STDIN_FILENO, nothing_.get()},
                         {STDOUT_FILENO, nothing_.get()},
                         {STDERR_FILENO, nothing_.get()}};
  for (const auto& [number, from] : options_->descriptors) {
    all[number] = from;
  }
  for (const int number : options_->captured) {
    all[number] = captured_of_child_.get();
  }
  for (const auto& [number, from] : all) {
    redirections_.push_back({number, from});
  }
  moved_.resize(redirections_.size());
}

void ChildPlan::list_arguments() {
  for (const std::string& argument : options_->arguments) {
    arguments_.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments_.push_back(nullptr);
  if (options_->environment) {
    for (const std::string& variable : *options_->environment) {
      environment_.push_back(const_cast<char*>(variable.c_str()));
    }
  } else {
    for (char** variable = environ; *variable != nullptr; ++variable) {
      environment_.push_back(*variable);
    }
  }
  environment_.push_back(nullptr);
}

Result<pid_t> ChildPlan::clone() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  // vfork() copies no page tables. Code that is not ours to judge gets memory of its own.
  const bool copies = body_ != nullptr || options_->before_exec;
  // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork)
  const pid_t pid = copies ? ::fork() : ::vfork();
  if (pid == 0) {
    run();
  }
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  failure_of_child_.reset();
  captured_of_child_.reset();
  if (pid < 0) {
    return errno_error("can't start a process for " + name_, error);
  }
  return pid;
}

Result<void> ChildPlan::wait_for_exec() {
  Failure failure{};
  ssize_t got = 0;
  do {
    got = ::read(failure_.get(), &failure, sizeof(failure));
  } while (got < 0 && errno == EINTR);
  if (got != sizeof(failure)) {
    return success();
  }
  return errno_error(failure.what == nullptr ? "can't run " + name_ : std::string(failure.what),
                     failure.error_number);
}

void ChildPlan::run() const noexcept {
  if (const char* what = arrange(); what != nullptr) {
    fail(what);
  }
  if (body_ == nullptr) {
    fail(execute());
  }
  // An exception may not climb into the parent's frames, which are here too.
  try {
    ::_exit((*body_)());
  } catch (...) {
    ::_exit(1);
  }
}

const char* ChildPlan::arrange() const noexcept {
  failure_in_child_ = failure_of_child_.get();
  reset_signal_actions();
  if (options_->death_signal != 0 &&
      (::prctl(PR_SET_PDEATHSIG, options_->death_signal) != 0 || ::getppid() != parent_)) {
    // The parent ended before it could be watched.
    ::_exit(kExecFailed);
  }
  if (options_->new_session) {
    ::setsid();
  }
  if (const rlimit none{};
      options_->least_privileges &&
      (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::setrlimit(RLIMIT_CORE, &none) != 0)) {
    return "can't give up privileges";
  }
  if (options_->before_exec) {
    if (const char* what = options_->before_exec(); what != nullptr) {
      return what;
    }
  }
  if (!options_->directory.empty() && ::chdir(options_->directory.c_str()) != 0) {
    return "can't enter the working directory";
  }
  if (const char* what = arrange_descriptors(); what != nullptr) {
    return what;
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return nullptr;
}

// First everything goes above all numbers that are to be given, so that none hides another.
const char* ChildPlan::arrange_descriptors() const noexcept {
  constexpr const char* kFailed = "can't pass on descriptors";
  const int above = redirections_.back().number + 1;
  const int failure = ::fcntl(failure_in_child_, F_DUPFD_CLOEXEC, above);
  if (failure < 0) {
    return kFailed;
  }
  failure_in_child_ = failure;
  for (std::size_t i = 0; i < redirections_.size(); ++i) {
    moved_[i] = ::fcntl(redirections_[i].from, F_DUPFD_CLOEXEC, above);
    if (moved_[i] < 0) {
      return kFailed;
    }
  }
  for (std::size_t i = 0; i < redirections_.size(); ++i) {
    if (::dup2(moved_[i], redirections_[i].number) < 0) {
      return kFailed;
    }
  }
  return close_other_descriptors();
}

// The error pipe is needed until exec, which closes it. A function's child has none any more.
const char* ChildPlan::close_other_descriptors() const noexcept {
  const unsigned flags = body_ == nullptr ? CLOSE_RANGE_CLOEXEC : 0U;
  unsigned first = 0;
  for (std::size_t i = 0; i <= redirections_.size(); ++i) {
    const bool is_last = i == redirections_.size();
    const unsigned end = is_last ? ~0U : static_cast<unsigned>(redirections_[i].number);
    if (end > first && ::syscall(SYS_close_range, first, is_last ? end : end - 1, flags) != 0) {
      return "can't close descriptors (close_range needs Linux 5.11)";
    }
    first = end + 1;
  }
  return nullptr;
}

// As execvp(3): a directory that may not be searched doesn't end the search. Returns on failure,
// with errno set; nullptr stands for "can't run" and the program's name.
const char* ChildPlan::execute() const noexcept {
  int error = ENOENT;
  for (const std::string& program : programs_) {
    ::execve(program.c_str(), arguments_.data(), environment_.data());
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
      return nullptr;
    }
    error = errno == EACCES ? EACCES : error;
  }
  errno = error;
  return nullptr;
}

void ChildPlan::fail(const char* what) const noexcept {
  const Failure failure{what, errno};
  static_cast<void>(!::write(failure_in_child_, &failure, sizeof(failure)));
  ::_exit(kExecFailed);
}

}  // namespace bothy
