#include "run/requests.h"

#include "tests/support/catch.h"

namespace bothy::run {

TEST_CASE("Requests decode as they were encoded") {
  const auto stop = StopRequest::decode(encode_request(StopRequest{30}));
  CHECK(stop.value().timeout == 30);
  CHECK(KillRequest::decode(encode_request(KillRequest{15})).value().signal == 15);
  CHECK(PathInfoRequest::decode(encode_request(PathInfoRequest{"/etc"})).value().path == "/etc");
  CHECK(CopyInRequest::decode(encode_request(CopyInRequest{"/in"})).value().path == "/in");
  CHECK(CopyOutRequest::decode(encode_request(CopyOutRequest{"/out"})).value().path == "/out");
  CHECK(encode_request(PauseRequest{}).at("verb").as_string() == "pause");

  ExecRequest exec;
  exec.arguments = {"sh", "-c", "true"};
  exec.process.environment = {"A=B"};
  exec.process.directory = "/tmp";
  exec.process.user = "alice";
  exec.process.interactive = exec.process.terminal = exec.detach = true;
  exec.process.columns = 132;
  exec.process.rows = 50;
  const ExecRequest decoded = ExecRequest::decode(encode_request(exec)).value();
  CHECK(decoded.arguments == exec.arguments);
  CHECK(decoded.process.environment == exec.process.environment);
  CHECK(decoded.process.directory == "/tmp");
  CHECK(decoded.process.user == "alice");
  CHECK((decoded.process.interactive && decoded.process.terminal && decoded.detach));
  CHECK(decoded.process.columns == 132);
  CHECK(decoded.process.rows == 50);
}

TEST_CASE("Requests with values out of range are refused") {
  for (const std::string& path :
       {std::string("relative"), std::string(5000, '/'), std::string("/a\0b", 4)}) {
    INFO(path);
    CHECK(PathInfoRequest::decode({{"path", path}}).error().code == ErrorCode::kInvalid);
    CHECK(CopyInRequest::decode({{"path", path}}).has_error());
    CHECK(CopyOutRequest::decode({{"path", path}}).has_error());
  }
  CHECK(StopRequest::decode({{"timeout", 1ULL << 40U}}).has_error());
  CHECK(StopRequest::decode({{"timeout", "soon"}}).has_error());
  CHECK(KillRequest::decode({{"signal", -1}}).has_error());
  CHECK(ExecRequest::decode({{"columns", 70000}}).has_error());
}

TEST_CASE("Answers decode as they were encoded") {
  const auto outcome = decode_start_outcome(encode(StartOutcome{126, "can't run x"}));
  CHECK(outcome.value().code == 126);
  CHECK(outcome.value().error == "can't run x");
  const auto info = decode_path_info(encode(PathInfo{2, 0100644, "/a"})).value();
  CHECK(info.error_number == 2);
  CHECK(info.mode == 0100644);
  CHECK(info.path == "/a");
  const auto statistics = decode_statistics(encode(Statistics{1, 2, 3, 4, 5, 6})).value();
  CHECK(statistics.cpu_ns == 1);
  CHECK(statistics.memory_total == 2);
  CHECK(statistics.memory_available == 3);
  CHECK(statistics.processes == 4);
  CHECK(statistics.read_bytes == 5);
  CHECK(statistics.written_bytes == 6);
  CHECK(decode_exit_code(7).value() == 7);
  CHECK(decode_exit_code("seven").has_error());
  CHECK(decode_start_outcome(nullptr).has_error());
}

}  // namespace bothy::run
