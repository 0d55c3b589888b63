#include "run/container/container_process.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "base/socket_pair.h"
#include "container/plan.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"

namespace bothy::run {
namespace {

// A child in the place of a container's process: the test reports for it.
struct Fixture {
  boost::asio::io_context executor{1};
  SocketPair reports = SocketPair::create(SOCK_SEQPACKET).value();
  std::string log;
  std::unique_ptr<ContainerProcess> process;

  explicit Fixture(bool waits = false) {
    const auto frameworks = std::signal(SIGTERM, SIG_DFL);
    const pid_t pid = ::fork();
    if (pid == 0) {
      reports.theirs.reset();
      for (;;) {
        ::pause();
      }
    }
    std::signal(SIGTERM, frameworks);
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ContainerProcess::Hooks hooks;

    hooks.waiting = [this] { log += "waiting;"; };
    hooks.started = [this] { log += "started;"; };
    hooks.not_started = [this](int error, const std::string& message) {
      log += fmt::format("not started {} {};", error, message);
    };
    hooks.stream = [this](std::uint32_t index, UniqueFd) {
      log += fmt::format("stream {};", index);
    };
    hooks.exited = [this](int status) { log += fmt::format("exited {};", status); };
    hooks.ended = [this] {
      log += "ended;";
      process.reset();
    };
    process = std::make_unique<ContainerProcess>(
        executor, Clock::steady(),
        container::Launching(pid, std::move(pidfd), std::move(reports.ours)), std::move(hooks),
        false, waits);
    REQUIRE(process->begin({}));
  }
  ~Fixture() {
    if (process) {
      process->kill_and_wait();
    }
  }

  void report(const container::Report& report, std::string_view text = {}) const {
    std::string message(sizeof(report), '\0');
    std::memcpy(message.data(), &report, sizeof(report));
    message += text;
    REQUIRE(::send(reports.theirs.get(), message.data(), message.size(), 0) > 0);
  }
  void run_until(std::string_view wanted) {
    const auto deadline = std::chrono::steady_clock::now() + test::kHangLimit;
    while (log.find(wanted) == std::string::npos && std::chrono::steady_clock::now() < deadline) {
      executor.restart();
      executor.run_one_for(std::chrono::seconds(1));
    }
    REQUIRE(log.find(wanted) != std::string::npos);
  }
};

}  // namespace

TEST_CASE("A process runs when its reports end, and is reaped") {
  Fixture f;
  f.reports.theirs.reset();
  f.run_until("started;");
  CHECK(f.process->is_running());
  f.process->signal(SIGTERM);
  f.run_until("ended;");
  CHECK(f.log == "started;exited 15;ended;");
  CHECK(::waitpid(-1, nullptr, WNOHANG) < 0);  // no child is left
}

TEST_CASE("Signals that come early are delivered when the process runs") {
  Fixture f;
  f.process->signal(SIGTERM);
  f.executor.poll();
  CHECK(f.log.empty());
  f.reports.theirs.reset();
  f.run_until("ended;");
  CHECK(f.log == "started;exited 15;ended;");
}

TEST_CASE("SIGKILL is delivered at once, and the end is told") {
  Fixture f;
  f.process->signal(SIGKILL);
  f.run_until("ended;");
  CHECK(f.log == "started;exited 9;ended;");
}

TEST_CASE("A failure before the command has its message, and one of the command its errno") {
  for (const bool at_exec : {false, true}) {
    Fixture f;
    f.report({container::Report::kFailed, ENOENT, at_exec ? 1U : 0U}, "can't run 'x'");
    f.run_until("not started");
    f.process->signal(SIGKILL);
    f.run_until("ended;");
    CHECK(f.log == fmt::format("not started {} can't run 'x': No such file or directory;ended;",
                               at_exec ? ENOENT : EINVAL));
  }
}

TEST_CASE("A process that waits is released by a connection, which has its further reports") {
  Fixture f(true);
  f.report({container::Report::kReady, 0, 0});
  f.run_until("waiting;");
  CHECK_FALSE(f.process->is_running());
  f.process->signal(SIGTERM);
  SocketPair start = SocketPair::create().value();
  f.process->release(std::move(start.ours));
  f.executor.poll();
  CHECK(f.log == "waiting;");
  start.theirs.reset();
  f.run_until("ended;");
  CHECK(f.log == "waiting;started;exited 15;ended;");
}

TEST_CASE("A process that is killed while it waits has ended by that signal") {
  Fixture f(true);
  f.report({container::Report::kReady, 0, 0});
  f.run_until("waiting;");
  f.process->signal(SIGKILL);
  f.run_until("ended;");
  CHECK(f.log == "waiting;started;exited 9;ended;");
}

TEST_CASE("Waiting for the end of a process calls no hook") {
  Fixture f;
  f.process->kill_and_wait();
  f.executor.poll();
  CHECK(f.log.empty());
  CHECK(f.process->has_ended());
}

TEST_CASE("A process has a pipe for each stream that it uses") {
  ProcessSpec process;
  ProcessPipes pipes = ProcessPipes::open(process, -1, -1).value();
  CHECK_FALSE(pipes.ours[0]);
  CHECK(pipes.ours[1]);
  CHECK(pipes.stdio()[0] == -1);
  CHECK(pipes.stdio()[2] >= 0);
  process.interactive = true;
  pipes = ProcessPipes::open(process, -1, -1).value();
  CHECK(pipes.ours[0]);
  process.terminal = true;
  pipes = ProcessPipes::open(process, -1, -1).value();
  CHECK(pipes.stdio() == std::array{-1, -1, -1});
}

}  // namespace bothy::run
