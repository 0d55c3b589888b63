// How an Owner's run ends: the first process, then the isolation, then what clients are told.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <set>
#include <utility>

#include "base/log.h"
#include "run/exit_codes.h"
#include "run/owner.h"

namespace bothy::run {
namespace {

constexpr std::chrono::seconds kKillGrace{2};  // from SIGKILL to an immediate shutdown
constexpr std::chrono::milliseconds kOutputGrace{
    500};  // from the isolation's end to the last output

}  // namespace

Result<void> Owner::set_paused(bool paused) {
  if (paused == (state_.status == Status::kPaused)) {
    return success();
  }
  if (paused && state_.status != Status::kRunning) {
    return not_running();
  }
  BOTHY_TRY(paused ? isolation_->pause() : isolation_->resume());
  state_.status = paused ? Status::kPaused : Status::kRunning;
  return run_.created.instance.write_state(state_);
}

void Owner::stop(int signal, std::uint32_t seconds) {
  if (first_->has_ended()) {
    return;
  }
  first_->hurry();
  isolation_->signal(0, signal);
  kill_timer_.start(std::chrono::seconds(seconds), [this] {
    if (first_->has_ended()) {
      return;
    }
    isolation_->signal(0, SIGKILL);
    kill_timer_.start(kKillGrace, [this] { fail_at_once(kSignalBase + SIGKILL, {}); });
  });
}

void Owner::fail_at_once(int code, std::string error) {
  if (!first_->has_ended()) {
    shut_down_at_once_ = true;
    fail(code, std::move(error));
  }
}

void Owner::fail(int code, std::string error) {
  if (first_->has_ended()) {
    return;
  }
  state_.error = error;
  first_->fail(code, std::move(error));
}

void Owner::on_first_end(const WorkloadEnd& end) {
  run_.timeline.mark("the command has ended");
  state_.exit_code = end.code;
  if (!first_start_reported_) {
    report_first_start(end.error);
  }
  // No other process outlives the first.
  for (const auto& [number, process] : std::exchange(further_, {})) {
    process->fail(kSignalBase + SIGKILL, {});
  }
  if (!ended_) {
    isolation_->shut_down(shut_down_at_once_ ? Shutdown::kImmediate : Shutdown::kOrderly);
  }
  check_done();
}

void Owner::on_failed(const std::string& message) {
  fail(kOwnFailure, message);
}

void Owner::on_disconnected(const std::string& message) {
  is_disconnected_ = true;
  for (PendingAnswers* pending : {&pending_statistics_, &pending_path_infos_, &pending_starts_}) {
    for (const Session& session : pending->take_all()) {
      session->refuse(message);
    }
  }
}

void Owner::on_ended(const std::string& reason) {
  if (std::exchange(ended_, true)) {
    return;
  }
  if (!first_->has_ended()) {
    output_timer_.start(kOutputGrace, [this, reason] { fail(kOwnFailure, reason); });
  }
  check_done();
}

void Owner::check_done() {
  if (ended_ && first_->has_ended()) {
    control_.stop();
  }
}

// By the time that clients see the end, the instance has its last state, or doesn't exist.
void Owner::leave() {
  if (isolation_) {
    isolation_->close();
  }
  state_.status = Status::kExited;
  state_.finished = std::time(nullptr);
  if (run_.settings.remove_at_end) {
    api_.reset();
    if (const auto removed = run_.instances.remove(run_.created.instance); !removed) {
      log(LogLevel::kError, "{}", removed.error().context);
    }
  } else {
    save_state();
    api_.reset();
    run_.created.claim = {};
  }
  run_.timeline.mark("the instance is written, or removed");
  for (const Session& session : std::exchange(waiting_for_end_, {})) {
    session->answer(state_.exit_code);
  }
  for (const Session& session : sessions_) {
    if (session->workload()) {
      session->send_timeline(run_.timeline.text());
    }
  }
  flush_clients();
}

// Output isn't lost: a client that doesn't read keeps this process, but not what the isolation
// held, until it disconnects or SIGTERM comes.
void Owner::flush_clients() {
  control_.restart();
  signals_.cancel();
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) {
      sessions_.clear();
    }
  });
  for (const Session& session : std::set(sessions_)) {
    session->finish();
  }
  constexpr std::chrono::milliseconds kStep{20};
  while (std::ranges::any_of(sessions_, [](const Session& each) { return each->is_sending(); })) {
    control_.run_for(kStep);
    control_.restart();
    isolation_.reset();  // after the first step: clients don't wait for memory to be freed
  }
  sessions_.clear();
}

}  // namespace bothy::run
