#include "run/client.h"

#include <boost/json/serialize.hpp>
#include <utility>

#include "base/json_fields.h"
#include "base/unix_listener.h"
#include "run/client_frames.h"
#include "run/client_protocol.h"

namespace bothy::run {
namespace {

namespace json = boost::json;

Result<UniqueFd> connect(const Instance& instance) {
  auto socket = connect_unix(instance.api_path());
  if (socket) {
    return socket;
  }
  BOTHY_TRY(const Settings settings, instance.settings());
  BOTHY_TRY(const State state, instance.state());
  return make_error(ErrorCode::kNotFound, "instance '{}' is not running ({})", settings.name,
                    to_string(state.status));
}

Result<json::value> receive_answer(int socket) {
  BOTHY_TRY(const ReceivedFrame frame, receive_frame(socket));
  if (frame.type != kAnswer) {
    return make_error(ErrorCode::kSystem, "unexpected frame {} from the instance's owner",
                      frame.type);
  }
  BOTHY_TRY(const json::object object, parse_own_object(frame.bytes, "the answer"));
  const JsonFields fields(object, "the answer");
  if (!fields.flag("ok")) {
    BOTHY_TRY(const std::string error, fields.text("error"));
    return make_error(ErrorCode::kInvalid, "{}", error);
  }
  const json::value* result = object.if_contains("result");
  return result != nullptr ? *result : json::value();
}

struct Asked {
  UniqueFd socket;
  json::value answer;
};

template <class Request>
Result<Asked> ask(const Instance& instance, const Request& request) {
  Asked asked;
  BOTHY_TRY(asked.socket, connect(instance));
  const std::string text = json::serialize(encode_request(request));
  BOTHY_TRY(send_frame(asked.socket.get(), kRequest, std::as_bytes(std::span(text))));
  BOTHY_TRY(asked.answer, receive_answer(asked.socket.get()));
  return asked;
}

template <class Request>
Result<UniqueFd> open(const Instance& instance, const Request& request) {
  BOTHY_TRY(Asked asked, ask(instance, request));
  return std::move(asked.socket);
}

}  // namespace

Result<int> ask_stop(const Instance& instance, std::uint32_t timeout) {
  BOTHY_TRY(const Asked asked, ask(instance, StopRequest{timeout}));
  return decode_exit_code(asked.answer);
}

Result<int> ask_wait(const Instance& instance) {
  BOTHY_TRY(const Asked asked, ask(instance, WaitRequest{}));
  return decode_exit_code(asked.answer);
}

Result<void> ask_kill(const Instance& instance, int signal) {
  BOTHY_TRY(ask(instance, KillRequest{signal}));
  return success();
}

Result<void> ask_pause(const Instance& instance) {
  BOTHY_TRY(ask(instance, PauseRequest{}));
  return success();
}

Result<void> ask_resume(const Instance& instance) {
  BOTHY_TRY(ask(instance, ResumeRequest{}));
  return success();
}

Result<Statistics> ask_statistics(const Instance& instance) {
  BOTHY_TRY(const Asked asked, ask(instance, StatisticsRequest{}));
  return decode_statistics(asked.answer);
}

Result<PathInfo> ask_path_info(const Instance& instance, const std::string& path) {
  BOTHY_TRY(const Asked asked, ask(instance, PathInfoRequest{path}));
  return decode_path_info(asked.answer);
}

Result<UniqueFd> open_attach(const Instance& instance) {
  return open(instance, AttachRequest{});
}

Result<UniqueFd> open_exec(const Instance& instance, ExecRequest request) {
  request.detach = false;
  return open(instance, request);
}

Result<UniqueFd> open_copy_in(const Instance& instance, const std::string& path) {
  return open(instance, CopyInRequest{path});
}

Result<UniqueFd> open_copy_out(const Instance& instance, const std::string& path) {
  return open(instance, CopyOutRequest{path});
}

Result<StartOutcome> ask_exec_detached(const Instance& instance, ExecRequest request) {
  request.detach = true;
  BOTHY_TRY(const Asked asked, ask(instance, request));
  return decode_start_outcome(asked.answer);
}

Result<StartOutcome> receive_start_outcome(const UniqueFd& socket) {
  BOTHY_TRY(const json::value answer, receive_answer(socket.get()));
  return decode_start_outcome(answer);
}

}  // namespace bothy::run
