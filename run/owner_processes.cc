// An Owner's processes and copies. A copy is a process as far as streams go: one, in or out.
#include <cstring>
#include <ctime>
#include <utility>

#include "run/exit_codes.h"
#include "run/owner.h"

namespace bothy::run {

Workload* Owner::find_process(std::uint32_t process) {
  if (process == 0) {
    return first_.get();
  }
  const auto found = further_.find(process);
  return found == further_.end() ? nullptr : found->second.get();
}

std::uint32_t Owner::add_process(Workload::Setup setup) {
  const std::uint32_t number = next_number_++;
  further_[number] =
      std::make_shared<Workload>(control_, clock_, setup, [this, number](const WorkloadEnd&) {
        isolation_->forget(number);
        copies_.erase(number);
        further_.erase(number);
      });
  return number;
}

Result<void> Owner::handle(const Session& session, const ExecRequest& request) {
  BOTHY_TRY(check_running());
  BOTHY_TRY(const ProcessSpec process,
            further_process(run_.process, request.process, request.arguments));
  Workload::Setup setup;
  setup.terminal = process.terminal;
  setup.input = process.interactive;
  const std::uint32_t number = add_process(setup);
  const auto workload = further_.at(number);
  if (auto started = isolation_->start_process(number, process); !started) {
    workload->fail(kOwnFailure, {});
    return started;
  }
  if (request.detach) {
    pending_starts_.add(number, session);
  } else {
    session->answer(nullptr);
    session->attach(number, workload);
  }
  return success();
}

void Owner::on_started(std::uint32_t process) {
  if (process == 0 && state_.started == 0) {
    run_.timeline.mark("the command runs");
    state_.status = Status::kRunning;
    state_.started = std::time(nullptr);
    save_state();
    return report_first_start({});
  }
  if (const Session session = pending_starts_.take(process)) {
    session->answer(encode(StartOutcome{}));
    session->finish();
  }
}

void Owner::on_not_started(std::uint32_t process, int error_number, const std::string& message) {
  const int code = code_of_failed_start(error_number);
  if (process == 0) {
    return fail(code, message);
  }
  if (const Session session = pending_starts_.take(process)) {
    session->answer(encode(StartOutcome{code, message}));
    session->finish();
  }
  if (const auto found = further_.find(process); found != further_.end()) {
    const auto kept = found->second;  // its end removes it from the map
    kept->fail(code, message);
  }
}

void Owner::on_stream(std::uint32_t process, std::uint32_t index, UniqueFd stream) {
  if (Workload* workload = find_process(process)) {
    workload->set_stream(index, std::move(stream));
  }
}

void Owner::on_exited(std::uint32_t process, int wait_status) {
  if (Workload* workload = find_process(process)) {
    workload->set_exited(wait_status);
  }
}

std::uint32_t Owner::begin_copy(const Session& session, bool into) {
  Workload::Setup setup;
  setup.input = into;
  setup.output = !into;
  setup.error = false;
  const std::uint32_t number = add_process(setup);
  copies_[number] = session;
  session->answer(nullptr);
  session->attach(number, further_.at(number));
  return number;
}

Result<void> Owner::handle(const Session& session, const CopyInRequest& request) {
  BOTHY_TRY(check_running());
  isolation_->copy_in(begin_copy(session, true), request.path);
  return success();
}

Result<void> Owner::handle(const Session& session, const CopyOutRequest& request) {
  BOTHY_TRY(check_running());
  isolation_->copy_out(begin_copy(session, false), request.path);
  return success();
}

void Owner::on_copied(std::uint32_t copy, int error_number, const std::string& message) {
  const auto found = further_.find(copy);
  if (found == further_.end() || !copies_.contains(copy)) {
    return;
  }
  const auto workload = found->second;  // its end removes it from the map
  if (error_number == 0) {
    return workload->set_exited(0);
  }
  const char* reason = ::strerrordesc_np(error_number);
  workload->fail(1, fmt::format("{}: {}", message, reason == nullptr ? "unknown error" : reason));
}

// The client has disconnected: the other side sees the stream end, and ends the copy.
void Owner::end_copies(const Session& session) {
  for (const auto& [number, client] : std::map(copies_)) {
    if (const auto found = further_.find(number); client == session && found != further_.end()) {
      const auto workload = found->second;
      workload->fail(1, {});
    }
  }
}

}  // namespace bothy::run
