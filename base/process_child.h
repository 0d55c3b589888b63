// ChildPlan: all that a new process needs, made before the clone, and what the child does with it.
// Part of Process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Used once: make(), clone(), wait_for_exec(). It outlives neither its options nor its body.
class ChildPlan {
 public:
  [[nodiscard]] static Result<ChildPlan> make(const ProcessOptions& options,
                                              const std::function<int()>* body);

  [[nodiscard]] Result<pid_t> clone();
  // Returns once the program runs, or with the reason why the child ended before.
  [[nodiscard]] Result<void> wait_for_exec();

  // The reading end of the pipe of captured output; empty when nothing is captured.
  [[nodiscard]] UniqueFd take_captured() noexcept { return std::move(captured_); }
  // The program, for errors.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  struct Redirection {
    int number;  // in the child
    int from;    // here
  };
  // What the child writes to the error pipe. `what` is a string literal: it has the same address in
  // parent and child.
  struct Failure {
    const char* what;
    int error_number;
  };

  ChildPlan(const ProcessOptions& options, const std::function<int()>* body)
      : options_(&options), body_(body) {}

  [[nodiscard]] Result<void> open_pipes();
  void list_redirections();
  void list_arguments();

  // In the child.
  [[noreturn]] void run() const noexcept;
  [[nodiscard]] const char* arrange() const noexcept;
  [[nodiscard]] const char* arrange_descriptors() const noexcept;
  [[nodiscard]] const char* close_other_descriptors() const noexcept;
  [[nodiscard]] const char* execute() const noexcept;
  [[noreturn]] void fail(const char* what) const noexcept;

  const ProcessOptions* options_;
  const std::function<int()>* body_;
  std::string name_;
  std::vector<std::string> programs_;  // paths to try, in this order
  std::vector<char*> arguments_;       // null at the end, as environment_
  std::vector<char*> environment_;
  std::vector<Redirection> redirections_;  // by number, ascending
  UniqueFd nothing_;                       // /dev/null
  UniqueFd captured_;
  UniqueFd captured_of_child_;
  UniqueFd failure_;
  UniqueFd failure_of_child_;
  pid_t parent_ = 0;
  // Of the child's own copies, which it makes above all numbers that it will use.
  mutable std::vector<int> moved_;
  mutable int failure_in_child_ = -1;
};

}  // namespace bothy
