#include "run/container/container_isolation.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "base/log.h"
#include "base/resident.h"
#include "base/unix_listener.h"
#include "container/launcher.h"
#include "run/container/lost_container.h"
#include "run/owner.h"

namespace bothy::run {
namespace {

constexpr std::chrono::milliseconds kRestDelay{500};

}  // namespace

ContainerIsolation::ContainerIsolation(const IsolationContext& context, ContainerParts parts)
    : context_(context),
      parts_(std::move(parts)),
      files_(context.executor, context.clock, context.events),
      network_(context.executor, {[this] {
                                    network_is_ready_ = true;
                                    context_.timeline.mark("the network is up");
                                    release_first();
                                  },
                                  [this](const std::string& message) {
                                    if (network_is_ready_) {
                                      return log_line(LogLevel::kError, message);
                                    }
                                    context_.events.on_failed(message);
                                  }}),
      rest_(context.executor, context.clock) {}

ContainerIsolation::~ContainerIsolation() {
  ContainerIsolation::close();
}

bool ContainerIsolation::has_user_network() const noexcept {
  return context_.options.network == Network::kUser;
}

Result<void> ContainerIsolation::start() {
  std::signal(SIGCHLD, SIG_DFL);  // children whose exits nobody ignores
  auto launched = launch();
  if (!launched) {
    close();
  }
  return launched;
}

Result<void> ContainerIsolation::add_process(std::uint32_t number, container::Launching launching,
                                             ProcessPipes pipes, bool waits) {
  IsolationEvents& events = context_.events;
  ContainerProcess::Hooks hooks;
  hooks.waiting = [this] {
    first_waits_ = true;
    release_first();
  };
  hooks.started = [this, &events, number] {
    events.on_started(number);
    rest_soon();
  };
  hooks.not_started = [&events, number](int error_number, const std::string& message) {
    events.on_not_started(number, error_number, message);
  };
  hooks.stream = [&events, number](std::uint32_t index, UniqueFd stream) {
    events.on_stream(number, index, std::move(stream));
  };
  hooks.exited = [&events, number](int wait_status) { events.on_exited(number, wait_status); };
  hooks.ended = [this, number] { on_process_ended(number); };
  auto process =
      std::make_unique<ContainerProcess>(context_.executor, context_.clock, std::move(launching),
                                         std::move(hooks), number == 0, waits);
  ContainerProcess& added = *process;
  processes_[number] = std::move(process);
  if (number == 0) {
    files_.set_container(added.pid(), added.pidfd());
  }
  return added.begin(std::move(pipes));
}

// Once both it and its network are ready.
void ContainerIsolation::release_first() {
  ContainerProcess* first = find(0);
  if (!first_waits_ || !network_is_ready_ || first == nullptr) {
    return;
  }
  auto connection = connect_unix(start_socket_->path());
  if (!connection) {
    return context_.events.on_failed(connection.error().context);
  }
  first->release(std::move(connection).value());
  start_socket_.reset();
}

// What only starts and their ends need no longer counts as the owner's memory while the container
// runs. Not at once: another start may follow.
void ContainerIsolation::rest_soon() {
  rest_.start(kRestDelay, &release_idle_memory);
}

ContainerProcess* ContainerIsolation::find(std::uint32_t process) const {
  const auto found = processes_.find(process);
  return found == processes_.end() ? nullptr : found->second.get();
}

Result<void> ContainerIsolation::check_connected() const {
  const ContainerProcess* first = find(0);
  return first != nullptr && first->is_running()
             ? Result<void>(success())
             : make_error(ErrorCode::kInvalid, "the container's first process isn't running");
}

// Names of users are looked up by a process of its own, since the files are the container's; those
// of the first process's user, once more, aren't.
Result<void> ContainerIsolation::start_process(std::uint32_t process, const ProcessSpec& spec) {
  BOTHY_TRY(check_connected());
  if (spec.user == context_.process.user) {
    return enter(process, spec, user_);
  }
  return files_.find_user(
      process, spec.user, [this, process, spec](const Result<container::UserIds>& user) {
        const auto entered = user ? enter(process, spec, user.value()) : Result<void>(user.error());
        if (!entered) {
          context_.events.on_not_started(process, EINVAL, entered.error().context);
        }
      });
}

Result<void> ContainerIsolation::enter(std::uint32_t number, const ProcessSpec& spec,
                                       const container::UserIds& user) {
  const ContainerProcess* first = find(0);
  if (first == nullptr) {
    return make_error(ErrorCode::kInvalid, "the container's first process has ended");
  }
  BOTHY_TRY(const auto process, container_process(spec, context_.options, parts_.spec.flags, user));
  BOTHY_TRY(ProcessPipes pipes, open_pipes(spec, user));
  container::EnterOptions how;
  how.pid = first->pid();
  how.namespaces = namespaces_;
  how.pidfd = first->pidfd();
  how.cgroup = cgroup_->unified_fd();
  how.cgroup_joins = cgroup_->join_fds();
  how.stdio = pipes.stdio();
  how.seccomp = filter_;
  how.ignored_signals.assign(kSignalsIgnoredByOwner.begin(), kSignalsIgnoredByOwner.end());
  BOTHY_TRY(container::Launching launching, container::enter(process, how));
  return add_process(number, std::move(launching), std::move(pipes), false);
}

void ContainerIsolation::signal(std::uint32_t process, int signal) {
  if (ContainerProcess* found = find(process)) {
    found->signal(signal);
  }
}

void ContainerIsolation::resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) {
  if (ContainerProcess* found = find(process)) {
    found->resize(columns, rows);
  }
}

void ContainerIsolation::forget(std::uint32_t process) {
  files_.forget(process);
  signal(process, SIGKILL);
}

Result<void> ContainerIsolation::pause() {
  return cgroup_->freeze();
}

Result<void> ContainerIsolation::resume() {
  return cgroup_->thaw();
}

Result<void> ContainerIsolation::request_statistics() {
  BOTHY_TRY(const container::CgroupStatistics used, cgroup_->statistics());
  struct sysinfo host {};
  ::sysinfo(&host);
  Statistics statistics;
  statistics.cpu_ns = used.cpu_ns;
  statistics.memory_total =
      used.memory_limit != 0 ? used.memory_limit : std::uint64_t{host.totalram} * host.mem_unit;
  statistics.memory_available =
      statistics.memory_total - std::min(used.memory, statistics.memory_total);
  statistics.processes = used.processes;
  statistics.read_bytes = used.read_bytes;
  statistics.written_bytes = used.written_bytes;
  context_.events.on_statistics(statistics);
  return success();
}

void ContainerIsolation::request_path_info(std::uint32_t request, const std::string& path) {
  files_.look_up(request, path);
}

void ContainerIsolation::copy_in(std::uint32_t copy, const std::string& directory) {
  files_.copy_in(copy, directory);
}

void ContainerIsolation::copy_out(std::uint32_t copy, const std::string& path) {
  files_.copy_out(copy, path);
}

void ContainerIsolation::on_process_ended(std::uint32_t number) {
  processes_.erase(number);
  if (number == 0) {
    context_.timeline.mark("the first process is reaped");
    context_.events.on_disconnected("the container's first process has ended");
  }
  rest_soon();
  check_ended();
}

void ContainerIsolation::kill_all() noexcept {
  // PID 1's end is that of its namespace; a frozen one ends through the cgroup.
  for (const auto& [number, process] : processes_) {
    process->signal(SIGKILL);
  }
  if (!processes_.empty() && cgroup_) {
    static_cast<void>(cgroup_->kill());
  }
}

void ContainerIsolation::shut_down(Shutdown /*urgency*/) {
  shutting_down_ = true;
  kill_all();
  check_ended();
}

void ContainerIsolation::check_ended() {
  if (shutting_down_ && processes_.empty() && !std::exchange(ended_, true)) {
    context_.events.on_ended({});
  }
}

void ContainerIsolation::close() noexcept {
  ended_ = true;
  rest_.cancel();
  files_.kill_all();
  network_.stop();
  kill_all();
  // PID 1 ends once all others have been reaped.
  for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) {
    process->second->kill_and_wait();
  }
  processes_.clear();
  if (cgroup_) {
    if (const auto removed = cgroup_->remove()) {
      forget_cgroup(context_.instance);
    } else {
      log_line(LogLevel::kError, removed.error().context);
    }
    cgroup_.reset();
  }
  start_socket_.reset();
  parts_.disk.reset();
  parts_.tree.reset();
}

}  // namespace bothy::run
