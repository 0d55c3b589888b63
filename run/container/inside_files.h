// InsideFiles: look-ups and copies in a running container. Each is a child process in the
// container's mount namespace, since files of the container may block it for as long as they like.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/fd_watch.h"
#include "base/mapping.h"
#include "base/process.h"
#include "base/result.h"
#include "base/timer.h"
#include "container/users.h"
#include "run/isolation.h"

namespace bothy::run {

// What a child leaves behind, in memory that it shares with the owner.
struct InsideResult {
  std::int32_t error_number = 0;
  std::uint32_t mode = 0;
  std::array<char, 8192> text{};  // a message or a path, with a zero at its end
};

// For the executor's thread, the only one of this process.
class InsideFiles {
 public:
  InsideFiles(boost::asio::io_context& executor, Clock& clock, IsolationEvents& events)
      : executor_(executor), clock_(clock), events_(events) {}

  // The first process, which outlives all requests.
  void set_container(pid_t pid, int pidfd) noexcept {
    pid_ = pid;
    pidfd_ = pidfd;
  }

  void look_up(std::uint32_t request, const std::string& path);
  // The ids of a user by the container's own files (users.h). `found` is called later, unless the
  // number is forgotten before.
  using OnUser = std::function<void(const Result<container::UserIds>&)>;
  [[nodiscard]] Result<void> find_user(std::uint32_t number, const std::string& user, OnUser found);
  void copy_in(std::uint32_t copy, const std::string& directory);
  void copy_out(std::uint32_t copy, const std::string& path);
  // Kills a copy.
  void forget(std::uint32_t number);
  void kill_all() noexcept { tasks_.clear(); }

 private:
  using Body = std::function<void(InsideResult&)>;
  // Nothing: the child was killed.
  using OnEnd = std::function<void(const InsideResult*)>;
  struct Task {
    Task(boost::asio::io_context& executor, Clock& clock)
        : exit(executor), deadline(executor, clock) {}
    FdWatch exit;
    Timer deadline;
    Mapping memory;
    std::optional<Process> process;
    OnEnd on_end;
  };

  // `descriptor` becomes the child's stdin; -1: /dev/null.
  [[nodiscard]] Result<void> start(std::uint32_t number, int descriptor, const Body& body,
                                   OnEnd on_end);
  void limit(std::uint32_t number);
  void copy(std::uint32_t number, bool into, const std::string& path);
  void on_exit(std::uint32_t number);

  boost::asio::io_context& executor_;
  Clock& clock_;
  IsolationEvents& events_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  std::map<std::uint32_t, std::unique_ptr<Task>> tasks_;
};

}  // namespace bothy::run
