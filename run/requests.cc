#include "run/requests.h"

#include <limits>
#include <utility>

#include "base/json_fields.h"

namespace bothy::run {
namespace {

namespace json = boost::json;

constexpr std::string_view kRequestName = "the request";
constexpr std::string_view kAnswerName = "the answer";

json::array array_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) {
    array.emplace_back(text);
  }
  return array;
}

template <class Number>
Result<Number> number_of(const JsonFields& fields, std::string_view key) {
  BOTHY_TRY(const std::uint64_t number, fields.number(key));
  if (number > static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) {
    return make_error(ErrorCode::kInvalid, "{} is out of range: {}", key, number);
  }
  return static_cast<Number>(number);
}

Result<std::string> path_of(const json::object& from) {
  BOTHY_TRY(std::string path, JsonFields(from, kRequestName).text("path"));
  if (!path.starts_with('/') || path.size() > kMaxPathLength ||
      path.find('\0') != std::string::npos) {
    return make_error(ErrorCode::kInvalid,
                      "invalid path: expected an absolute one of at most {} bytes", kMaxPathLength);
  }
  return path;
}

}  // namespace

void StopRequest::encode(json::object& into) const {
  into["timeout"] = timeout;
}

Result<StopRequest> StopRequest::decode(const json::object& from) {
  StopRequest request;
  BOTHY_TRY(request.timeout, number_of<std::uint32_t>(JsonFields(from, kRequestName), "timeout"));
  return request;
}

void KillRequest::encode(json::object& into) const {
  into["signal"] = signal;
}

Result<KillRequest> KillRequest::decode(const json::object& from) {
  KillRequest request;
  BOTHY_TRY(request.signal, number_of<int>(JsonFields(from, kRequestName), "signal"));
  return request;
}

void ExecRequest::encode(json::object& into) const {
  into["arguments"] = array_of(arguments);
  into["environment"] = array_of(process.environment);
  into["directory"] = process.directory;
  into["user"] = process.user;
  into["interactive"] = process.interactive;
  into["terminal"] = process.terminal;
  into["columns"] = process.columns;
  into["rows"] = process.rows;
  into["detach"] = detach;
}

Result<ExecRequest> ExecRequest::decode(const json::object& from) {
  const JsonFields fields(from, kRequestName);
  ExecRequest request;
  BOTHY_TRY(request.arguments, fields.texts("arguments"));
  BOTHY_TRY(request.process.environment, fields.texts("environment"));
  BOTHY_TRY(request.process.directory, fields.text("directory"));
  BOTHY_TRY(request.process.user, fields.text("user"));
  request.process.interactive = fields.flag("interactive");
  request.process.terminal = fields.flag("terminal");
  BOTHY_TRY(request.process.columns, number_of<std::uint16_t>(fields, "columns"));
  BOTHY_TRY(request.process.rows, number_of<std::uint16_t>(fields, "rows"));
  request.detach = fields.flag("detach");
  return request;
}

void PathInfoRequest::encode(json::object& into) const {
  into["path"] = path;
}

Result<PathInfoRequest> PathInfoRequest::decode(const json::object& from) {
  BOTHY_TRY(std::string path, path_of(from));
  return PathInfoRequest{std::move(path)};
}

void CopyInRequest::encode(json::object& into) const {
  into["path"] = path;
}

Result<CopyInRequest> CopyInRequest::decode(const json::object& from) {
  BOTHY_TRY(std::string path, path_of(from));
  return CopyInRequest{std::move(path)};
}

void CopyOutRequest::encode(json::object& into) const {
  into["path"] = path;
}

Result<CopyOutRequest> CopyOutRequest::decode(const json::object& from) {
  BOTHY_TRY(std::string path, path_of(from));
  return CopyOutRequest{std::move(path)};
}

json::object encode(const StartOutcome& outcome) {
  return {{"code", outcome.code}, {"error", outcome.error}};
}

json::object encode(const PathInfo& info) {
  return {{"errno", info.error_number}, {"mode", info.mode}, {"path", info.path}};
}

json::object encode(const Statistics& statistics) {
  return {{"cpu-ns", statistics.cpu_ns},
          {"memory-total", statistics.memory_total},
          {"memory-available", statistics.memory_available},
          {"processes", statistics.processes},
          {"read-bytes", statistics.read_bytes},
          {"written-bytes", statistics.written_bytes}};
}

Result<StartOutcome> decode_start_outcome(const json::value& answer) {
  BOTHY_TRY(const JsonFields fields, JsonFields::of(answer, kAnswerName));
  StartOutcome outcome;
  BOTHY_TRY(outcome.code, number_of<int>(fields, "code"));
  BOTHY_TRY(outcome.error, fields.text("error"));
  return outcome;
}

Result<PathInfo> decode_path_info(const json::value& answer) {
  BOTHY_TRY(const JsonFields fields, JsonFields::of(answer, kAnswerName));
  PathInfo info;
  BOTHY_TRY(info.error_number, number_of<int>(fields, "errno"));
  BOTHY_TRY(info.mode, number_of<std::uint32_t>(fields, "mode"));
  BOTHY_TRY(info.path, fields.text("path"));
  return info;
}

Result<Statistics> decode_statistics(const json::value& answer) {
  BOTHY_TRY(const JsonFields fields, JsonFields::of(answer, kAnswerName));
  Statistics statistics;
  BOTHY_TRY(statistics.cpu_ns, fields.number("cpu-ns"));
  BOTHY_TRY(statistics.memory_total, fields.number("memory-total"));
  BOTHY_TRY(statistics.memory_available, fields.number("memory-available"));
  BOTHY_TRY(statistics.processes, fields.number("processes"));
  BOTHY_TRY(statistics.read_bytes, fields.number("read-bytes"));
  BOTHY_TRY(statistics.written_bytes, fields.number("written-bytes"));
  return statistics;
}

Result<int> decode_exit_code(const json::value& answer) {
  boost::system::error_code error;
  const int code = answer.to_number<int>(error);
  if (error) {
    return make_error(ErrorCode::kSystem, "the owner's answer holds no exit code");
  }
  return code;
}

}  // namespace bothy::run
