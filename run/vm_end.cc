// How a VmOwner's run ends: its first process, then its machine, then what its clients are told.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <set>
#include <utility>

#include "run/vm_owner.h"

namespace bothy::run {
namespace {

// From the first process's end to the guest's power-off, and from that to its last output.
constexpr std::chrono::seconds kPowerOffPatience{10};
constexpr std::chrono::milliseconds kOutputPatience{500};
constexpr std::size_t kReportedLines = 10;

}  // namespace

void VmOwner::on_first_end(const WorkloadEnd& end) {
  run_.timeline.mark("the command has ended");
  state_.exit_code = end.code;
  if (!started_told_) {
    tell_started(end.words);
  }
  // Those of other processes get theirs now: nothing runs on without the first.
  for (const auto& [number, process] : std::exchange(further_, {})) {
    process->fail(128 + SIGKILL, {});
  }
  if (!machine_ended_ && link_) {
    link_->shut_down();
    grace_.expires_after(kPowerOffPatience);
    grace_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        on_machine_ended({});
      }
    });
    // All that it has said is here, and what it still has goes with it, but for what its volumes
    // have yet to be told. A guest that can't be spoken to has nothing to be waited for at all.
    if (run_.options.volumes.empty() || !link_->is_up() || switched_off_) {
      on_machine_ended({});
    }
  }
  check_done();
}

void VmOwner::on_machine_ended(const MachineEnd& end) {
  if (std::exchange(machine_ended_, true)) {
    return;
  }
  run_.timeline.mark("the guest is off");
  machine_->stop();
  run_.timeline.mark("its processors are joined");
  grace_.cancel();
  if (!first_->has_ended()) {
    grace_.expires_after(kOutputPatience);
    grace_.async_wait([this, end](const boost::system::error_code& error) {
      if (!error && !first_->has_ended()) {
        fail(kOwnFailure, describe_loss(end));
      }
    });
  }
  check_done();
}

std::string VmOwner::describe_loss(const MachineEnd& end) const {
  std::string words =
      fmt::format("the guest ended ({}) before its process did",
                  end.detail.empty() ? to_string(end.reason) : std::string_view(end.detail));
  const std::string lines = tail_->tail(kReportedLines);
  return lines.empty() ? words : words + "; its console's last lines:\n" + lines;
}

void VmOwner::check_done() {
  if (machine_ended_ && first_->has_ended()) {
    control_.stop();
  }
}

// Everybody who asks finds it ended, or gone, by the time that clients see it end.
void VmOwner::leave() {
  if (machine_) {
    machine_->stop();
  }
  console_executor_.stop();
  link_.reset();
  state_.status = Status::kExited;
  state_.finished = std::time(nullptr);
  if (run_.settings.remove_at_end) {
    api_.reset();
    static_cast<void>(run_.instances.remove(run_.created.instance));
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
      session->tell_timeline(run_.timeline.text());
    }
  }
  flush_clients();
}

// A client that doesn't read keeps us, but not the guest's memory, until it goes or we are told to:
// its process's output isn't to be lost.
void VmOwner::flush_clients() {
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
    machine_.reset();  // not before: a client that reads isn't to wait for this
  }
  sessions_.clear();
}

}  // namespace bothy::run
