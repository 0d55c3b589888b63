#include "oci/vm_exec.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cerrno>
#include <utility>

#include "base/files.h"
#include "base/json_fields.h"
#include "oci/named_socket.h"
#include "oci/verbs.h"
#include "oci/vm_launch.h"
#include "oci/vm_spec.h"
#include "run/client_frames.h"
#include "run/client_protocol.h"
#include "run/conversation.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;
namespace json = boost::json;

json::array array_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

Result<UniqueFd> connect_owner(const std::string& path) {
  BOTHY_TRY(NamedSocket made, NamedSocket::make(path, SOCK_STREAM));
  if (::connect(made.socket.get(), made.generic(), sizeof(made.address)) != 0) {
    return errno == ENOENT || errno == ECONNREFUSED
               ? make_error(ErrorCode::kInvalid, "the microVM has not been started, or has ended")
               : errno_error("can't reach the microVM's owner");
  }
  return std::move(made.socket);
}

// The number that the stub expects it at, for what is executed next to inherit; the caller's own
// descriptor of that number is not handed on anyway.
Result<UniqueFd> at_its_number(UniqueFd socket) {
  const bool is_there = socket.get() == kStubConnection;
  if (is_there ? ::fcntl(kStubConnection, F_SETFD, 0) != 0
               : ::dup2(socket.get(), kStubConnection) < 0) {
    return errno_error("can't hand on the connection to the microVM's owner");
  }
  return is_there ? std::move(socket) : UniqueFd(kStubConnection);
}

// The owner's answer to a request.
Result<json::object> ask(int socket, const json::object& request) {
  const std::string text = json::serialize(request);
  BOTHY_TRY(run::send_frame(socket, run::kRequest, std::as_bytes(std::span(text))));
  BOTHY_TRY(const run::ReceivedFrame frame, run::receive_frame(socket));
  BOTHY_TRY(json::object answer, parse_own_object(frame.bytes, "the answer"));
  const JsonFields fields(answer, "the answer");
  if (!fields.flag("ok")) {
    BOTHY_TRY(const std::string error, fields.text("error"));
    return make_error(ErrorCode::kInvalid, "{}", error);
  }
  return answer;
}

Result<void> ask_alone(const Records& records, const std::string& id, std::string_view verb) {
  BOTHY_TRY(const UniqueFd socket, connect_owner(owner_socket(records, id)));
  BOTHY_TRY(ask(socket.get(), {{"verb", verb}}));
  return success();
}

Result<void> check_start(const json::object& answer) {
  BOTHY_TRY(const json::object* started, JsonFields(answer, "the answer").object("result"));
  if (started == nullptr) {
    return make_error(ErrorCode::kInvalid, "the answer: result is missing");
  }
  const JsonFields result(*started, "the answer's result");
  BOTHY_TRY(const std::uint64_t error_number, result.number("errno"));
  if (error_number == 0) {
    return success();
  }
  ct::LaunchReport report;
  report.error_number = static_cast<int>(error_number);
  BOTHY_TRY(report.message, result.text("message"));
  return failed_start(report);
}

}  // namespace

json::object encode_process(const run::ProcessSpec& process) {
  return {{"args", array_of(process.arguments)},
          {"env", array_of(process.environment)},
          {"cwd", process.directory},
          {"user", process.user},
          {"groups", array_of(process.groups)},
          {"terminal", process.terminal},
          {"columns", process.columns},
          {"rows", process.rows}};
}

Result<run::ProcessSpec> decode_process(const json::object& request) {
  const JsonFields fields(request, "the request");
  run::ProcessSpec process;
  BOTHY_TRY(process.arguments, fields.texts("args"));
  BOTHY_TRY(process.environment, fields.texts("env"));
  BOTHY_TRY(process.directory, fields.text("cwd"));
  BOTHY_TRY(process.user, fields.text("user"));
  BOTHY_TRY(process.groups, fields.texts("groups"));
  process.terminal = fields.flag("terminal");
  process.interactive = true;
  BOTHY_TRY(const std::uint64_t columns, fields.number("columns"));
  BOTHY_TRY(const std::uint64_t rows, fields.number("rows"));
  process.columns = static_cast<std::uint16_t>(columns);
  process.rows = static_cast<std::uint16_t>(rows);
  if (process.arguments.empty()) {
    return make_error(ErrorCode::kInvalid, "the request: args is empty");
  }
  return process;
}

std::string owner_socket(const Records& records, const std::string& id) {
  return records.directory(id) + "/vm.sock";
}

Result<UniqueFd> start_in_vm(const Records& records, const std::string& id,
                             const ct::Process& process) {
  BOTHY_TRY(UniqueFd connected, connect_owner(owner_socket(records, id)));
  BOTHY_TRY(UniqueFd socket, at_its_number(std::move(connected)));
  json::object request = encode_process(guest_process(process));
  request["verb"] = kExecRequest;
  BOTHY_TRY(const json::object answer, ask(socket.get(), request));
  BOTHY_TRY(check_start(answer));
  return socket;
}

Result<void> pause_vm(const Records& records, const std::string& id) {
  BOTHY_TRY(ask_alone(records, id, kPauseRequest));
  return replace_file(records.pause_mark(id), "", 0600);
}

Result<void> resume_vm(const Records& records, const std::string& id) {
  BOTHY_TRY(ask_alone(records, id, kResumeRequest));
  ::unlink(records.pause_mark(id).c_str());
  return success();
}

Result<ct::Process> stub_process(const ct::Process& process) {
  BOTHY_TRY(const std::string program, own_program());
  ct::Process stub = own_process({program, "oci", kStubVerb}, process);
  if (process.terminal) {
    stub.arguments.emplace_back("--tty");
  }
  return stub;
}

Result<int> stand_in(bool terminal) {
  run::ConversationOptions options;
  options.input = true;
  options.terminal = terminal;
  options.stands_in = true;
  BOTHY_TRY(const run::Outcome outcome, run::converse(UniqueFd(kStubConnection), options));
  if (!outcome.error.empty()) {
    return make_error(ErrorCode::kSystem, "{}", outcome.error);
  }
  return outcome.code;
}

}  // namespace bothy::oci
