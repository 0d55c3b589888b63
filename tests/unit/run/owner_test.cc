#include "run/owner.h"

#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <csignal>
#include <deque>

#include "base/json_fields.h"
#include "base/socket_pair.h"
#include "base/unix_listener.h"
#include "run/client_frames.h"
#include "run/client_protocol.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

// What a test decides: each step runs on the owner's executor, one after another.
struct Script {
  using Step = std::function<void()>;

  test::ManualClock clock;
  boost::asio::io_context* executor = nullptr;
  IsolationEvents* events = nullptr;
  std::deque<Step> steps;  // begun by Isolation::start()
  std::string calls;       // of the isolation
  Result<void> start_result = success();
  Result<void> statistics = success();
  bool ends_by_itself = true;  // on shut_down()

  void next() {
    if (steps.empty()) {
      return;
    }
    boost::asio::post(*executor, [this] {
      const Step step = std::move(steps.front());
      steps.pop_front();
      step();
      // Room for everything that the step has made ready.
      boost::asio::post(*executor, [this] { boost::asio::post(*executor, [this] { next(); }); });
    });
  }
};

class FakeIsolation final : public Isolation {
 public:
  explicit FakeIsolation(Script& script) : script_(script) {}

  Result<void> start() override {
    script_.next();
    return script_.start_result;
  }
  [[nodiscard]] Result<void> check_connected() const override { return success(); }
  Result<void> start_process(std::uint32_t process, const ProcessSpec& spec) override {
    return call(fmt::format("start_process {} {}", process, spec.arguments.front()));
  }
  void signal(std::uint32_t process, int signal) override {
    script_.calls += fmt::format("signal {} {};", process, signal);
  }
  void resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) override {
    script_.calls += fmt::format("resize {} {}x{};", process, columns, rows);
  }
  void forget(std::uint32_t process) override {
    script_.calls += fmt::format("forget {};", process);
  }
  Result<void> pause() override { return call("pause"); }
  Result<void> resume() override { return call("resume"); }
  Result<void> request_statistics() override {
    script_.calls += "statistics;";
    return script_.statistics;
  }
  void request_path_info(std::uint32_t request, const std::string& path) override {
    script_.calls += fmt::format("path_info {} {};", request, path);
  }
  void copy_in(std::uint32_t copy, const std::string& directory) override {
    script_.calls += fmt::format("copy_in {} {};", copy, directory);
  }
  void copy_out(std::uint32_t copy, const std::string& path) override {
    script_.calls += fmt::format("copy_out {} {};", copy, path);
  }
  void shut_down(Shutdown urgency) override {
    script_.calls += urgency == Shutdown::kImmediate ? "shut_down at once;" : "shut_down;";
    if (script_.ends_by_itself) {
      script_.events->on_ended("the isolation ended");
    }
  }
  void close() noexcept override { script_.calls += "close;"; }

 private:
  Result<void> call(const std::string& text) {
    script_.calls += text + ";";
    return success();
  }

  Script& script_;
};

class FakePrepared final : public PreparedIsolation {
 public:
  explicit FakePrepared(Script& script) : script_(script) {}
  Result<void> prepare_instance(const Instance& /*instance*/) override { return success(); }
  Result<std::unique_ptr<Isolation>> make(const IsolationContext& context) override {
    script_.executor = &context.executor;
    script_.events = &context.events;
    return std::unique_ptr<Isolation>(std::make_unique<FakeIsolation>(script_));
  }

 private:
  Script& script_;
};

struct Fixture {
  Fixture() : instances(directory.path()) {
    settings.name = "web";
    settings.stop_signal = "SIGTERM";
  }

  // Runs an owner to its end; gives its exit status.
  int run(bool detach = true) {
    auto created = instances.create(settings);
    REQUIRE(created);
    instance.emplace(created.value().instance);
    SocketPair pair = std::move(SocketPair::create()).value();
    starter = std::move(pair.ours);
    RunOptions options;
    options.detach = detach;
    ProcessSpec process;
    process.arguments = {"true"};
    Owner owner(OwnedRun{options,
                         settings,
                         process,
                         std::make_unique<FakePrepared>(script),
                         instances,
                         std::move(created).value(),
                         {},
                         std::move(pair.theirs)},
                script.clock);
    return owner.run();
  }

  // A client that sends a request and reads its answer after the run.
  template <class Request>
  void send(UniqueFd& client, const Request& request) {
    client = std::move(connect_unix(instance->api_path())).value();
    const std::string text = boost::json::serialize(encode_request(request));
    REQUIRE(send_frame(client.get(), kRequest, std::as_bytes(std::span(text))));
  }
  static std::string answer_of(const UniqueFd& client) {
    const auto frame = receive_frame(client.get());
    return frame ? frame.value().bytes : frame.error().context;
  }
  void start_first() { script.events->on_started(0); }
  void exit_first(int wait_status = 0) {
    script.events->on_exited(0, wait_status);
    for (std::uint32_t index : {1U, 2U}) {
      SocketPair pair = std::move(SocketPair::create()).value();
      script.events->on_stream(0, index, std::move(pair.ours));
    }
  }

  const test::TemporaryDirectory directory;
  const Instances instances;
  Settings settings;
  std::optional<Instance> instance;
  UniqueFd starter;
  Script script;
};

}  // namespace

TEST_CASE("An owner's first process starts, exits and gives the exit status") {
  Fixture f;
  f.script.steps = {[&] { f.start_first(); }, [&] { f.exit_first(3 << 8); }};
  CHECK(f.run() == 3);
  CHECK(f.script.calls == "shut_down;close;");
  CHECK(Fixture::answer_of(f.starter).find(R"("code":0)") != std::string::npos);
  const State state = f.instance->state().value();
  CHECK(state.status == Status::kExited);
  CHECK(state.exit_code == 3);
}

TEST_CASE("A first process behind a loop of links gives status 126 and the reason") {
  Fixture f;
  f.script.steps = {[&] {
    f.script.events->on_not_started(0, ELOOP, "can't run echo: Too many levels of symbolic links");
  }};
  CHECK(f.run() == 126);
  const std::string answer = Fixture::answer_of(f.starter);
  CHECK(answer.find(R"("code":126)") != std::string::npos);
  CHECK(answer.find("Too many levels of symbolic links") != std::string::npos);
}

TEST_CASE("An isolation that doesn't start gives status 125 and its error") {
  Fixture f;
  f.script.start_result = make_error(ErrorCode::kSystem, "can't start a machine");
  CHECK(f.run() == 125);
  CHECK(f.instance->state().value().error == "can't start a machine");
}

TEST_CASE("An isolation that ends before the first process gives status 125 and its reason") {
  Fixture f;
  f.script.steps = {[&] { f.start_first(); },
                    [&] { f.script.events->on_ended("the guest ended (reset)"); },
                    [&] { f.script.clock.advance(std::chrono::seconds(1)); }};
  CHECK(f.run() == 125);
  CHECK(f.instance->state().value().error == "the guest ended (reset)");
}

TEST_CASE("Requests that the instance doesn't answer end with an error after a while") {
  Fixture f;
  UniqueFd path_info;
  UniqueFd statistics;
  UniqueFd exec;
  f.script.steps = {[&] { f.start_first(); },
                    [&] {
                      f.send(path_info, PathInfoRequest{"/etc"});
                      f.send(statistics, StatisticsRequest{});
                      ExecRequest request;
                      request.arguments = {"sleep"};
                      request.detach = true;
                      f.send(exec, request);
                    },
                    [] {},
                    [] {},
                    [&] { f.script.clock.advance(PendingAnswers::kTimeout); },
                    [] {},
                    [&] { f.exit_first(); }};
  CHECK(f.run() == 0);
  CHECK(f.script.calls.find("path_info 1 /etc;statistics;start_process 3 sleep;") !=
        std::string::npos);
  for (const UniqueFd* client : {&path_info, &statistics, &exec}) {
    const std::string answer = Fixture::answer_of(*client);
    CHECK(answer.find(R"("ok":false)") != std::string::npos);
    CHECK(answer.find("within 30 seconds") != std::string::npos);
  }
}

TEST_CASE("Requests are answered by what the isolation reports") {
  Fixture f;
  UniqueFd path_info;
  UniqueFd statistics;
  f.script.steps = {[&] { f.start_first(); },
                    [&] {
                      f.send(path_info, PathInfoRequest{"/etc"});
                      f.send(statistics, StatisticsRequest{});
                    },
                    [] {},
                    [] {},
                    [&] {
                      f.script.events->on_path_info(1, {0, 0040755, "/etc"});
                      f.script.events->on_path_info(77, {});
                      f.script.events->on_statistics({.cpu_ns = 42});
                    },
                    [&] { f.exit_first(); }};
  CHECK(f.run() == 0);
  CHECK(Fixture::answer_of(path_info).find(R"("path":"/etc")") != std::string::npos);
  CHECK(Fixture::answer_of(statistics).find(R"("cpu-ns":42)") != std::string::npos);
}

TEST_CASE("A request for resources that nothing counts is refused") {
  Fixture f;
  UniqueFd client;
  f.script.statistics = make_error(ErrorCode::kUnsupported, "the container has no cgroup");
  f.script.steps = {[&] { f.start_first(); }, [&] { f.send(client, StatisticsRequest{}); }, [] {},
                    [&] { f.exit_first(); }};
  CHECK(f.run() == 0);
  CHECK(Fixture::answer_of(client).find("the container has no cgroup") != std::string::npos);
}

TEST_CASE("stop sends the stop signal, then SIGKILL, then shuts down at once") {
  Fixture f;
  UniqueFd client;
  f.script.steps = {[&] { f.start_first(); },
                    [&] { f.send(client, StopRequest{5}); },
                    [] {},
                    [] {},
                    [&] { f.script.clock.advance(std::chrono::seconds(5)); },
                    [] {},
                    [&] { f.script.clock.advance(std::chrono::seconds(2)); }};
  CHECK(f.run() == 128 + SIGKILL);
  CHECK(f.script.calls == "signal 0 15;signal 0 9;shut_down at once;close;");
  CHECK(Fixture::answer_of(client).find("137") != std::string::npos);
}

TEST_CASE("A paused instance refuses other requests and names its state") {
  Fixture f;
  UniqueFd pause;
  UniqueFd exec;
  UniqueFd resume;
  f.script.steps = {[&] { f.start_first(); },
                    [&] { f.send(pause, PauseRequest{}); },
                    [] {},
                    [&] {
                      ExecRequest request;
                      request.arguments = {"true"};
                      f.send(exec, request);
                    },
                    [] {},
                    [&] { f.send(resume, ResumeRequest{}); },
                    [] {},
                    [] {},
                    [&] { f.exit_first(); }};
  CHECK(f.run() == 0);
  CHECK(Fixture::answer_of(pause).find(R"("ok":true)") != std::string::npos);
  CHECK(Fixture::answer_of(exec).find("instance 'web' is not running (paused)") !=
        std::string::npos);
  CHECK(Fixture::answer_of(resume).find(R"("ok":true)") != std::string::npos);
  CHECK(f.script.calls == "pause;resume;shut_down;close;");
}

TEST_CASE("Requests that wait for an isolation that disconnects are refused") {
  Fixture f;
  UniqueFd statistics;
  f.script.steps = {[&] { f.start_first(); },
                    [&] { f.send(statistics, StatisticsRequest{}); },
                    [] {},
                    [] {},
                    [&] { f.script.events->on_disconnected("the init has disconnected"); },
                    [&] { f.exit_first(); }};
  CHECK(f.run() == 0);
  CHECK(Fixture::answer_of(statistics).find("the init has disconnected") != std::string::npos);
}

TEST_CASE("--rm removes the instance at its end") {
  Fixture f;
  f.settings.remove_at_end = true;
  f.script.steps = {[&] { f.start_first(); }, [&] { f.exit_first(); }};
  CHECK(f.run() == 0);
  CHECK(f.instances.list().empty());
}

TEST_CASE("Copies end with the isolation's report") {
  Fixture f;
  UniqueFd copy;
  f.script.steps = {[&] { f.start_first(); },
                    [&] { f.send(copy, CopyOutRequest{"/etc"}); },
                    [] {},
                    [] {},
                    [&] { f.script.events->on_copied(1, EACCES, "can't open /etc/shadow"); },
                    [] {},
                    [&] { f.exit_first(); }};
  CHECK(f.run() == 0);
  CHECK(Fixture::answer_of(copy).find(R"("ok":true)") != std::string::npos);
  const auto end = receive_frame(copy.get());
  REQUIRE(end);
  CHECK(end.value().type == kEnded);
  CHECK(end.value().bytes.ends_with("can't open /etc/shadow: Permission denied"));
  CHECK(f.script.calls.find("copy_out 1 /etc;forget 1;") != std::string::npos);
}

}  // namespace bothy::run
