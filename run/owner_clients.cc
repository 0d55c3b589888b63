// How an Owner serves its clients.
#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/json_fields.h"
#include "run/exit_codes.h"
#include "run/owner.h"

namespace bothy::run {

namespace json = boost::json;

// One line for each request: its verb, and the decoding of it for the handler of its type.
struct Owner::Command {
  std::string_view verb;
  Result<void> (*serve)(Owner& owner, const Session& session, const json::object& request);

  template <class Request>
  static constexpr Command of() {
    return {Request::kVerb,
            [](Owner& owner, const Session& session, const json::object& object) -> Result<void> {
              BOTHY_TRY(const Request request, Request::decode(object));
              return owner.handle(session, request);
            }};
  }
};

Owner::Session Owner::add_client(UniqueFd socket) {
  ClientRequests& requests = *this;
  const auto session = std::make_shared<ClientSession>(control_, std::move(socket), requests);
  sessions_.insert(session);
  session->start();
  return session;
}

void Owner::on_request(const Session& session, const json::object& request) {
  // Clients may still come while others are told of the end.
  if (state_.status == Status::kExited) {
    return session->refuse(not_running().context);
  }
  if (const auto served = serve(session, request); !served) {
    session->refuse(served.error().context);
  }
}

Result<void> Owner::serve(const Session& session, const json::object& request) {
  static constexpr std::array kCommands{
      Command::of<AttachRequest>(),     Command::of<WaitRequest>(),
      Command::of<StopRequest>(),       Command::of<KillRequest>(),
      Command::of<PauseRequest>(),      Command::of<ResumeRequest>(),
      Command::of<StatisticsRequest>(), Command::of<ExecRequest>(),
      Command::of<PathInfoRequest>(),   Command::of<CopyInRequest>(),
      Command::of<CopyOutRequest>(),
  };
  BOTHY_TRY(const std::string verb, JsonFields(request, "the request").text("verb"));
  const auto* const command = std::ranges::find(kCommands, verb, &Command::verb);
  if (command == kCommands.end()) {
    return make_error(ErrorCode::kInvalid, "unknown request '{}'", verb);
  }
  return command->serve(*this, session, request);
}

Error Owner::not_running() const {
  return make_error(ErrorCode::kInvalid, "instance '{}' is not running ({})", run_.settings.name,
                    to_string(state_.status));
}

Result<void> Owner::check_running() const {
  if (state_.status != Status::kRunning || first_->has_ended()) {
    return not_running();
  }
  if (const auto connected = isolation_->check_connected(); !connected) {
    return make_error(ErrorCode::kInvalid, "instance '{}': {}", run_.settings.name,
                      connected.error().context);
  }
  return success();
}

Result<void> Owner::handle(const Session& session, const AttachRequest& /*request*/) {
  session->answer(nullptr);
  session->attach(0, first_);
  return success();
}

Result<void> Owner::handle(const Session& session, const WaitRequest& /*request*/) {
  waiting_for_end_.insert(session);
  return success();
}

Result<void> Owner::handle(const Session& session, const StopRequest& request) {
  BOTHY_TRY(const int signal, signal_number(run_.settings.stop_signal));
  BOTHY_TRY(set_paused(false));
  waiting_for_end_.insert(session);
  stop(signal, request.timeout);
  return success();
}

Result<void> Owner::handle(const Session& session, const KillRequest& request) {
  // Before the first process runs, signals wait for it.
  if (is_disconnected_) {
    BOTHY_TRY(check_running());
  }
  BOTHY_TRY(set_paused(false));
  isolation_->signal(0, request.signal);
  session->answer(nullptr);
  return success();
}

Result<void> Owner::handle(const Session& session, const PauseRequest& /*request*/) {
  BOTHY_TRY(set_paused(true));
  session->answer(nullptr);
  return success();
}

Result<void> Owner::handle(const Session& session, const ResumeRequest& /*request*/) {
  BOTHY_TRY(set_paused(false));
  session->answer(nullptr);
  return success();
}

Result<void> Owner::handle(const Session& session, const StatisticsRequest& /*request*/) {
  BOTHY_TRY(check_running());
  const std::uint32_t number = next_number_++;
  pending_statistics_.add(number, session);
  auto requested = isolation_->request_statistics();
  if (!requested) {
    static_cast<void>(pending_statistics_.take(number));
  }
  return requested;
}

Result<void> Owner::handle(const Session& session, const PathInfoRequest& request) {
  BOTHY_TRY(check_running());
  const std::uint32_t number = next_number_++;
  pending_path_infos_.add(number, session);
  isolation_->request_path_info(number, request.path);
  return success();
}

// With an error: the first process never ran.
void Owner::report_first_start(const std::string& error) {
  first_start_reported_ = true;
  for (const Session& session : std::exchange(waiting_for_first_start_, {})) {
    session->answer(encode(StartOutcome{state_.exit_code, error}));
  }
}

void Owner::on_statistics(const Statistics& statistics) {
  for (const Session& session : pending_statistics_.take_all()) {
    session->answer(encode(statistics));
  }
}

void Owner::on_path_info(std::uint32_t request, const PathInfo& info) {
  if (const Session session = pending_path_infos_.take(request)) {
    session->answer(encode(info));
  }
}

void Owner::on_resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) {
  if (isolation_) {
    isolation_->resize(process, columns, rows);
  }
}

void Owner::on_signal(std::uint32_t process, int signal) {
  if (isolation_) {
    isolation_->signal(process, signal);
  }
}

void Owner::on_client_disconnected(const Session& session) {
  waiting_for_end_.erase(session);
  waiting_for_first_start_.erase(session);
  pending_starts_.forget(session);
  pending_path_infos_.forget(session);
  pending_statistics_.forget(session);
  end_copies(session);
  sessions_.erase(session);
}

}  // namespace bothy::run
