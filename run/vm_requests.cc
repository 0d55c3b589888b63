// What clients ask of a VmOwner.
#include <chrono>
#include <csignal>
#include <utility>

#include "base/json_fields.h"
#include "run/guest_config.h"
#include "run/vm_owner.h"

namespace bothy::run {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds kKillPatience{2};  // from SIGKILL to the end of what heeds nothing

}  // namespace

// All of these may come after the end, while clients are still told of it.
void VmOwner::on_request(const Session& session, const json::object& request) {
  if (state_.status == Status::kExited) {
    return session->refuse("it has ended");
  }
  auto served = serve(session, request);
  if (!served) {
    return session->refuse(served.error().context);
  }
  if (served.value()) {
    session->answer(std::move(*served.value()));
  }
}

// Nothing for an answer that comes later, or has come.
Result<std::optional<json::value>> VmOwner::serve(const Session& session,
                                                  const json::object& request) {
  const JsonFields fields(request, "the request");
  BOTHY_TRY(const std::string verb, fields.text("verb"));
  const std::optional<json::value> later;
  if (verb == "attach") {
    session->answer(nullptr);
    session->attach(0, first_);
    return later;
  }
  if (verb == "wait" || verb == "stop") {
    waiting_for_end_.insert(session);
    if (verb == "stop") {
      BOTHY_TRY(const std::uint64_t seconds, fields.number("timeout"));
      BOTHY_TRY(const int signal, signal_number(run_.settings.stop_signal));
      BOTHY_TRY(pause(false));
      stop_guest(signal, static_cast<std::uint32_t>(seconds));
    }
    return later;
  }
  if (verb == "kill") {
    BOTHY_TRY(const std::uint64_t signal, fields.number("signal"));
    if (link_->has_hung_up()) {
      return make_error(ErrorCode::kInvalid, "its init has hung up");
    }
    BOTHY_TRY(pause(false));
    link_->signal(0, static_cast<std::int32_t>(signal));
    return std::optional<json::value>(nullptr);
  }
  if (verb == "pause" || verb == "resume") {
    BOTHY_TRY(pause(verb == "pause"));
    return std::optional<json::value>(nullptr);
  }
  if (verb == "stats") {
    if (state_.status != Status::kRunning || !link_->is_up()) {
      return make_error(ErrorCode::kInvalid, "it is {}, and can't be asked",
                        to_string(state_.status));
    }
    waiting_for_statistics_.insert(session);
    link_->ask_statistics();
    return later;
  }
  if (verb == "exec") {
    BOTHY_TRY(exec(session, request));
    return later;
  }
  if (verb == "look") {
    BOTHY_TRY(look(session, request));
    return later;
  }
  if (verb == "copy-in" || verb == "copy-out") {
    BOTHY_TRY(copy(session, request, verb == "copy-in"));
    return later;
  }
  return make_error(ErrorCode::kInvalid, "it doesn't know how to '{}'", verb);
}

Result<void> VmOwner::check_running() const {
  if (state_.status != Status::kRunning || first_->has_ended()) {
    return make_error(ErrorCode::kInvalid, "it is {}", to_string(state_.status));
  }
  if (!link_->is_up()) {
    return make_error(ErrorCode::kInvalid, "its init has hung up");
  }
  return success();
}

Result<void> VmOwner::exec(const Session& session, const json::object& request) {
  BOTHY_TRY(check_running());
  const JsonFields fields(request, "the request");
  ProcessOptions options;
  BOTHY_TRY(options.environment, fields.texts("environment"));
  BOTHY_TRY(options.directory, fields.text("directory"));
  BOTHY_TRY(options.user, fields.text("user"));
  options.interactive = fields.flag("interactive");
  options.terminal = fields.flag("terminal");
  BOTHY_TRY(const std::uint64_t columns, fields.number("columns"));
  BOTHY_TRY(const std::uint64_t rows, fields.number("rows"));
  options.columns = static_cast<std::uint16_t>(columns);
  options.rows = static_cast<std::uint16_t>(rows);
  BOTHY_TRY(auto arguments, fields.texts("arguments"));
  BOTHY_TRY(ProcessSpec process, further_process(run_.process, options, std::move(arguments)));
  process.token = random_token();
  const auto records = process_records(process, run_.options.rlimits);
  if (records.bytes().size() > agent::kMaxFrame) {
    return make_error(ErrorCode::kInvalid,
                      "its arguments and variables are too much: {} bytes can be",
                      agent::kMaxFrame);
  }
  const std::uint32_t number = next_process_++;
  Workload::Setup setup;
  setup.terminal = process.terminal;
  setup.input = process.interactive;
  setup.token = process.token;
  const auto workload = std::make_shared<Workload>(
      control_, setup, [this, number](const WorkloadEnd&) { further_.erase(number); });
  further_[number] = workload;
  if (fields.flag("detach")) {
    waiting_for_start_[number] = session;
  } else {
    session->answer(nullptr);
    session->attach(number, workload);
  }
  link_->start(number, std::as_bytes(std::span(records.bytes())));
  return success();
}

// Of a start: with an error, that there was none.
void VmOwner::tell_outcome(ClientSession& session, int code, const std::string& error) {
  session.answer(json::object{{"code", code}, {"error", error}});
}

// With an error, that it never did.
void VmOwner::tell_started(const std::string& error) {
  started_told_ = true;
  for (const Session& session : std::exchange(waiting_for_first_, {})) {
    tell_outcome(*session, state_.exit_code, error);
  }
}

void VmOwner::stop_guest(int signal, std::uint32_t seconds) {
  if (first_->has_ended()) {
    return;
  }
  first_->hurry();
  link_->signal(0, signal);
  kill_timer_.expires_after(std::chrono::seconds(seconds));
  kill_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || first_->has_ended()) {
      return;
    }
    link_->signal(0, SIGKILL);
    kill_timer_.expires_after(kKillPatience);
    kill_timer_.async_wait([this](const boost::system::error_code& late) {
      if (!late && !first_->has_ended()) {
        switch_off(128 + SIGKILL, {});  // a guest that doesn't listen
      }
    });
  });
}

Result<void> VmOwner::pause(bool paused) {
  if (paused == (state_.status == Status::kPaused)) {
    return success();
  }
  if (paused && state_.status != Status::kRunning) {
    return make_error(ErrorCode::kInvalid, "it is {}", to_string(state_.status));
  }
  if (paused) {
    machine_->machine().pause();
  } else {
    machine_->machine().resume();
    link_->set_clock();
  }
  state_.status = paused ? Status::kPaused : Status::kRunning;
  return run_.created.instance.write_state(state_);
}

void VmOwner::tell_statistics(const agent::Statistics& statistics) {
  const json::object object{{"cpu-ns", statistics.cpu_ns},
                            {"memory-total", statistics.memory_total},
                            {"memory-available", statistics.memory_available},
                            {"processes", statistics.processes},
                            {"read-bytes", statistics.read_bytes},
                            {"written-bytes", statistics.written_bytes}};
  for (const Session& session : std::exchange(waiting_for_statistics_, {})) {
    session->answer(object);
  }
}

void VmOwner::on_resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) {
  if (link_) {
    link_->resize(process, columns, rows);
  }
}

void VmOwner::on_signal(std::uint32_t process, int signal) {
  if (link_) {
    link_->signal(process, signal);
  }
}

void VmOwner::on_gone(const Session& session) {
  waiting_for_end_.erase(session);
  waiting_for_first_.erase(session);
  waiting_for_statistics_.erase(session);
  std::erase_if(waiting_for_start_, [&](const auto& each) { return each.second == session; });
  std::erase_if(waiting_for_look_, [&](const auto& each) { return each.second == session; });
  end_copy(session);
  sessions_.erase(session);
}

}  // namespace bothy::run
