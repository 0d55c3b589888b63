// The requests that a client sends to an instance's owner, and their answers, as types: each
// encodes itself as the JSON of a kRequest or kAnswer frame (client_protocol.h) and is decoded from
// it. kVerb is the name of the request.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "run/isolation.h"
#include "run/run_options.h"

namespace bothy::run {

// A request without fields.
template <class Request>
struct PlainRequest {
  static void encode(boost::json::object& /*into*/) {}
  [[nodiscard]] static Result<Request> decode(const boost::json::object& /*from*/) {
    return Request{};
  }
};

// The rest of the connection is the first process's: input to it, output from it.
struct AttachRequest : PlainRequest<AttachRequest> {
  static constexpr std::string_view kVerb = "attach";
};

// Answered by the exit code when the instance has ended.
struct WaitRequest : PlainRequest<WaitRequest> {
  static constexpr std::string_view kVerb = "wait";
};

// The instance's stop signal, then SIGKILL after the timeout. Answered as a WaitRequest.
struct StopRequest {
  static constexpr std::string_view kVerb = "stop";
  std::uint32_t timeout = 0;  // seconds

  void encode(boost::json::object& into) const;
  [[nodiscard]] static Result<StopRequest> decode(const boost::json::object& from);
};

// A signal to the first process.
struct KillRequest {
  static constexpr std::string_view kVerb = "kill";
  int signal = 0;

  void encode(boost::json::object& into) const;
  [[nodiscard]] static Result<KillRequest> decode(const boost::json::object& from);
};

struct PauseRequest : PlainRequest<PauseRequest> {
  static constexpr std::string_view kVerb = "pause";
};

struct ResumeRequest : PlainRequest<ResumeRequest> {
  static constexpr std::string_view kVerb = "resume";
};

// Answered by Statistics.
struct StatisticsRequest : PlainRequest<StatisticsRequest> {
  static constexpr std::string_view kVerb = "stats";
};

// Another process. Detached: answered by a StartOutcome. Otherwise the rest of the connection is
// the process's.
struct ExecRequest {
  static constexpr std::string_view kVerb = "exec";
  std::vector<std::string> arguments;
  ProcessOptions process;
  bool detach = false;

  void encode(boost::json::object& into) const;
  [[nodiscard]] static Result<ExecRequest> decode(const boost::json::object& from);
};

// Answered by PathInfo.
struct PathInfoRequest {
  static constexpr std::string_view kVerb = "path-info";
  std::string path;  // absolute, at most kMaxPathLength bytes

  void encode(boost::json::object& into) const;
  [[nodiscard]] static Result<PathInfoRequest> decode(const boost::json::object& from);
};

// The rest of the connection is the copy's: a tar archive as input, or as output.
struct CopyInRequest {
  static constexpr std::string_view kVerb = "copy-in";
  std::string path;  // a directory

  void encode(boost::json::object& into) const;
  [[nodiscard]] static Result<CopyInRequest> decode(const boost::json::object& from);
};
struct CopyOutRequest {
  static constexpr std::string_view kVerb = "copy-out";
  std::string path;

  void encode(boost::json::object& into) const;
  [[nodiscard]] static Result<CopyOutRequest> decode(const boost::json::object& from);
};

inline constexpr std::size_t kMaxPathLength = 4095;

// Whether a process that no client waits for has started.
struct StartOutcome {
  int code = 0;       // the exit status of the client
  std::string error;  // empty when the process runs
};

[[nodiscard]] boost::json::object encode(const StartOutcome& outcome);
[[nodiscard]] boost::json::object encode(const PathInfo& info);
[[nodiscard]] boost::json::object encode(const Statistics& statistics);
[[nodiscard]] Result<StartOutcome> decode_start_outcome(const boost::json::value& answer);
[[nodiscard]] Result<PathInfo> decode_path_info(const boost::json::value& answer);
[[nodiscard]] Result<Statistics> decode_statistics(const boost::json::value& answer);
[[nodiscard]] Result<int> decode_exit_code(const boost::json::value& answer);

// {"verb": ..., fields}
template <class Request>
[[nodiscard]] boost::json::object encode_request(const Request& request) {
  boost::json::object object{{"verb", Request::kVerb}};
  request.encode(object);
  return object;
}

}  // namespace bothy::run
