#include "bench/measure/starts.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

#include "base/find_program.h"

namespace bothy::bench {
namespace {

constexpr std::size_t kKeptOutput = 1U << 20U;
constexpr std::size_t kKeptErrors = 4096;
// What outlives the command: owners, monitors, conmon.
constexpr std::chrono::seconds kHelpersEnd{20};

class Running {
 public:
  Running(const Invocation& invocation, const Expected& expected) : expected_(expected) {
    auto child = start_child(invocation);
    if (!child) {
      start_.failure = child.error().context;
      return;
    }
    child_ = std::move(child).value();
  }

  [[nodiscard]] bool ended() const noexcept { return child_.pid < 0; }
  [[nodiscard]] bool has_output() const noexcept { return static_cast<bool>(child_.out); }
  [[nodiscard]] pid_t pid() const noexcept { return child_.pid; }

  void watch(std::vector<pollfd>& polled) const {
    for (const UniqueFd* fd : {&child_.out, &child_.err, &child_.pidfd}) {
      polled.push_back({*fd ? fd->get() : -1, POLLIN, 0});
    }
  }

  // Takes the three events that watch() asked for, at the time `at`.
  void handle(const pollfd* events, std::int64_t at, Reaper& reaper) {
    if (events[0].revents != 0) {
      if (!read_available(child_.out.get(), start_.output, kKeptOutput)) {
        child_.out.reset();
      }
      if (start_.awaited_ns == 0 && start_.output.find(expected_.awaited) != std::string::npos) {
        start_.awaited_ns = at - child_.started_ns;
      }
    }
    if (events[1].revents != 0 && !read_available(child_.err.get(), start_.errors, kKeptErrors)) {
      child_.err.reset();
    }
    if (events[2].revents != 0) {
      start_.end_ns = at - child_.started_ns;
      child_.pidfd.reset();
      finish(reaper);
    }
  }

  void give_up(const char* why) {
    if (!ended()) {
      start_.failure = why;
      child_.pid = -1;
    }
  }

  [[nodiscard]] Start take() {
    // What the last process wrote just before its end.
    for (const auto& [fd, text] :
         {std::pair(&child_.out, &start_.output), std::pair(&child_.err, &start_.errors)}) {
      if (*fd) {
        read_available(fd->get(), *text, kKeptOutput);
      }
    }
    if (start_.awaited_ns == 0 && start_.output.find(expected_.awaited) != std::string::npos) {
      start_.awaited_ns = start_.end_ns;  // written between two looks, the second at the end
    }
    if (start_.failure.empty() && start_.awaited_ns == 0) {
      start_.failure = "no output of the workload; " +
                       last_line(start_.errors.empty() ? start_.output : start_.errors);
    }
    if (start_.failure.empty() && start_.output.find(expected_.at_end) == std::string::npos) {
      start_.failure = "the workload failed; " + last_line(start_.output);
    }
    return std::move(start_);
  }

 private:
  void finish(Reaper& reaper) {
    // The descriptor is readable a moment before the status can be collected.
    for (;;) {
      reaper.collect();
      if (const auto end = reaper.take_end(child_.pid)) {
        if (!end->succeeded()) {
          start_.failure = end->describe() + "; " + last_line(start_.errors);
        }
        child_.pid = -1;
        return;
      }
    }
  }

  const Expected& expected_;
  Child child_;
  Start start_;
};

}  // namespace

Batch run_starts(const Bench& bench, const std::vector<Invocation>& invocations,
                 const Expected& expected, const std::set<pid_t>& staying) {
  Batch batch;
  bench.reaper.collect();
  static_cast<void>(bench.reaper.take_usage());
  const auto deadline = Clock::now() + expected.limit;
  const std::int64_t started = now_ns();
  std::vector<Running> running;
  running.reserve(invocations.size());
  for (const Invocation& invocation : invocations) {
    running.emplace_back(invocation, expected);
  }
  bool given_up = false;
  std::vector<pollfd> polled;
  while (!std::ranges::all_of(running, &Running::ended)) {
    polled.assign(1, {bench.interrupt.fd(), POLLIN, 0});
    for (const Running& each : running) {
      each.watch(polled);
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int count = left > 0 ? ::poll(polled.data(), polled.size(), static_cast<int>(left)) : 0;
    const std::int64_t at = now_ns();
    batch.interrupted = count > 0 && polled[0].revents != 0;
    if (count == 0 || batch.interrupted) {
      std::ranges::for_each(running, [](Running& each) { each.give_up("it took too long"); });
      given_up = true;
      break;
    }
    for (std::size_t i = 0; count > 0 && i < running.size(); ++i) {
      running[i].handle(&polled[1 + 3 * i], at, bench.reaper);
    }
  }
  batch.wall_ns = now_ns() - started;
  const bool all_ended =
      !given_up && bench.reaper.wait_for_all_but(staying, Clock::now() + kHelpersEnd);
  if (!all_ended) {
    bench.reaper.kill_all_but(staying);
  }
  batch.usage = bench.reaper.take_usage();
  for (Running& each : running) {
    batch.starts.push_back(each.take());
    if (!all_ended && batch.starts.back().failure.empty()) {
      batch.starts.back().failure = "processes were left after its end";
    }
  }
  return batch;
}

Result<std::string> run_command(const Bench& bench, const Invocation& invocation,
                                Clock::duration limit) {
  Expected expected;
  expected.limit = limit;
  Running running(invocation, expected);
  const auto deadline = Clock::now() + limit;
  std::vector<pollfd> polled;
  while (!running.ended() && Clock::now() < deadline) {
    polled.clear();
    running.watch(polled);
    if (::poll(polled.data(), polled.size(), 100) > 0) {
      running.handle(polled.data(), now_ns(), bench.reaper);
    }
  }
  if (!running.ended()) {
    ::kill(-running.pid(), SIGKILL);
    running.give_up("it took too long");
  }
  Start start = running.take();
  if (!start.failure.empty()) {
    return make_error(ErrorCode::kSystem, "'{}' failed: {}", invocation.text(), start.failure);
  }
  return std::move(start.output);
}

}  // namespace bothy::bench
