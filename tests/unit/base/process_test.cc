#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/event_fd.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {
namespace {

using Clock = Process::Clock;

// Prints the numbers of the descriptors that it has, below 64.
constexpr const char* kListDescriptors =
    "n=0; while [ $n -lt 64 ]; do [ -e /proc/$$/fd/$n ] && echo $n; n=$((n + 1)); done; exit 0";

ProcessOptions shell(std::string script) {
  ProcessOptions options;
  options.arguments = {"/bin/sh", "-c", std::move(script)};
  options.captured = {STDOUT_FILENO, STDERR_FILENO};
  return options;
}

std::string output_of(const ProcessOptions& options) {
  auto process = Process::start(options);
  REQUIRE(process);
  CHECK(process.value().read_output({}) == Process::OutputEnd::kClosed);
  CHECK(process.value().wait().succeeded());
  return process.value().output();
}

// A descriptor that a careless library left without close-on-exec.
UniqueFd inheritable() {
  return UniqueFd(::open("/dev/null", O_RDONLY));  // NOLINT(android-cloexec-open)
}

std::string file_of(const std::string& descriptor) {
  struct stat status {};
  return ::stat(descriptor.c_str(), &status) == 0 ? std::to_string(status.st_ino) : "none";
}

}  // namespace

TEST_CASE("A child has the standard descriptors and no other") {
  const UniqueFd one = inheritable();
  const UniqueFd other(::fcntl(one.get(), F_DUPFD, 40));
  CHECK(output_of(shell(kListDescriptors)) == "0\n1\n2\n");
}

TEST_CASE("A child has exactly the descriptors that it is given, by its own numbers") {
  const test::TemporaryDirectory directory;
  const UniqueFd first(::open((directory / "a").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const UniqueFd second(::open((directory / "b").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const UniqueFd unwanted = inheritable();
  ProcessOptions options = shell(std::string(kListDescriptors));
  options.arguments[2] =
      std::string("stat -L -c %i /proc/$$/fd/7 /proc/$$/fd/9; ") + kListDescriptors;
  options.descriptors = {{7, second.get()}, {9, first.get()}};
  CHECK(output_of(options) ==
        file_of(directory / "b") + "\n" + file_of(directory / "a") + "\n0\n1\n2\n7\n9\n");
}

TEST_CASE("Descriptors may change numbers with each other") {
  const test::TemporaryDirectory directory;
  const UniqueFd first(::open((directory / "a").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const UniqueFd second(::open((directory / "b").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ProcessOptions options =
      shell(fmt::format("stat -L -c %i /proc/$$/fd/{} /proc/$$/fd/{}", first.get(), second.get()));
  options.descriptors = {{first.get(), second.get()}, {second.get(), first.get()}};
  CHECK(output_of(options) == file_of(directory / "b") + "\n" + file_of(directory / "a") + "\n");
}

TEST_CASE("A child blocks no signal and ignores only SIGHUP where the parent does") {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = std::signal(SIGPIPE, SIG_IGN);
  const auto hang_up_before = std::signal(SIGHUP, SIG_IGN);
  const std::string masks = output_of(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status"));
  std::signal(SIGHUP, hang_up_before);
  std::signal(SIGPIPE, pipe_before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(masks == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n");
}

TEST_CASE("A child with the least privileges gains none, and leaves no core file") {
  ProcessOptions options = shell("grep NoNewPrivs /proc/self/status; ulimit -Hc");
  options.least_privileges = true;
  CHECK(output_of(options) == "NoNewPrivs:\t1\n0\n");
  options.least_privileges = false;
  CHECK(output_of(options).starts_with("NoNewPrivs:\t0\n"));
}

TEST_CASE("A program is looked up in PATH, and its name is what it is called") {
  ProcessOptions options = shell("echo $0; pwd; echo $ONLY $PATH");
  options.arguments[0] = "another-name";
  options.program = "sh";
  options.environment = {{"ONLY=this", "PATH="}};
  options.directory = "/";
  options.arguments.emplace_back("zero");
  CHECK(output_of(options) == "zero\n/\nthis\n");
}

TEST_CASE("Why a program can't be run is an error of the start") {
  ProcessOptions options;
  options.arguments = {"bothy-has-no-such-program"};
  const auto missing = Process::start(options);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().context ==
        "can't run bothy-has-no-such-program: No such file or directory");
  options.arguments = {"/etc/passwd"};
  const auto not_executable = Process::start(options);
  REQUIRE_FALSE(not_executable);
  CHECK(not_executable.error().context == "can't run /etc/passwd: Permission denied");
  options.arguments = {"/bin/true"};
  options.directory = "/no/such/directory";
  const auto nowhere = Process::start(options);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().context == "can't enter the working directory: No such file or directory");
}

TEST_CASE("What fails before the program runs is an error of the start") {
  ProcessOptions options = shell("exit 0");
  options.before_exec = [] {
    errno = EBUSY;
    return "can't prepare";
  };
  const auto started = Process::start(options);
  REQUIRE_FALSE(started);
  CHECK(started.error().context == "can't prepare: Device or resource busy");
  options.before_exec = []() -> const char* { return ::chdir("/") == 0 ? nullptr : "can't"; };
  CHECK(output_of(options).empty());
}

TEST_CASE("The end of a process is its exit status or a signal") {
  auto exited = Process::start(shell("exit 3"));
  REQUIRE(exited);
  const ProcessEnd end = exited.value().wait();
  CHECK(end.exit_status() == 3);
  CHECK(end.describe() == "exit status 3");
  auto killed = Process::start(shell("kill -9 $$"));
  REQUIRE(killed);
  const ProcessEnd signal = killed.value().wait();
  CHECK_FALSE(signal.exit_status());
  CHECK(signal.describe() == "signal 9 (Killed)");
}

TEST_CASE("Waiting for a process ends at the deadline, and its end is seen by its pidfd") {
  auto process = Process::start(shell("read line"));
  REQUIRE(process);
  auto sleeper = Process::start(shell("sleep 1000"));
  REQUIRE(sleeper);
  CHECK(process.value().wait_until(Clock::time_point::max())->exit_status() == 1);  // /dev/null
  CHECK_FALSE(sleeper.value().wait_until(Clock::now()));
  sleeper.value().kill(SIGTERM);
  pollfd ended{sleeper.value().pidfd(), POLLIN, 0};
  CHECK(::poll(&ended, 1, -1) == 1);
  CHECK(sleeper.value().wait().describe() == "signal 15 (Terminated)");
  CHECK(sleeper.value().pid() == -1);
}

TEST_CASE("A destroyed Process kills the child and waits for it") {
  pid_t pid = -1;
  {
    auto process = Process::start(shell("sleep 1000"));
    REQUIRE(process);
    pid = process.value().pid();
    const Process moved = std::move(process).value();
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) != 0);
  CHECK(errno == ESRCH);
}

TEST_CASE("A new session's processes end together") {
  ProcessOptions options = shell("sleep 1000 & echo $!; wait");
  options.new_session = true;
  auto process = Process::start(options);
  REQUIRE(process);
  process.value().kill_group(SIGKILL);
  // The pipe closes only once the second process has ended too.
  CHECK(process.value().read_output({}) == Process::OutputEnd::kClosed);
}

TEST_CASE("Of a large output the end is kept") {
  auto process = Process::start(
      shell("i=0; while [ $i -lt 20000 ]; do echo line; i=$((i+1)); done; echo end"));
  REQUIRE(process);
  process.value().read_output({});
  CHECK(process.value().output().size() == Process::kMaxOutput);
  CHECK(process.value().output().ends_with("line\nend\n"));
}

TEST_CASE("Reading output ends at the deadline, or when it is cancelled") {
  auto process = Process::start(shell("sleep 1000"));
  REQUIRE(process);
  Process::ReadLimits limits;
  limits.deadline = Clock::now();
  CHECK(process.value().read_output(limits) == Process::OutputEnd::kDeadline);
  const EventFd cancel = EventFd::create().value();
  cancel.signal();
  limits.deadline = Clock::time_point::max();
  limits.cancel = cancel.fd();
  CHECK(process.value().read_output(limits) == Process::OutputEnd::kCancelled);
}

TEST_CASE("A program whose output nobody reads isn't blocked by it") {
  ProcessOptions options;
  options.arguments = {"/bin/sh", "-c", "dd if=/dev/zero bs=1M count=1 2>/dev/null; exit 7"};
  options.captured = {STDOUT_FILENO};
  options.drop_unread_output = true;
  auto process = Process::start(options);
  REQUIRE(process);
  CHECK(process.value().wait().exit_status() == 7);
}

TEST_CASE("A process dies with the thread that has started it") {
  ProcessOptions options = shell("sleep 1000");
  options.death_signal = SIGTERM;
  std::optional<Process> process;
  std::thread([&] {
    auto started = Process::start(options);
    if (started) {
      process.emplace(std::move(started).value());
    }
  }).join();
  REQUIRE(process);
  CHECK(process->wait().describe() == "signal 15 (Terminated)");
}

TEST_CASE("A function runs in a copy of this process") {
  int here = 1;
  ProcessOptions options;
  options.captured = {STDOUT_FILENO};
  auto process = Process::start_function(options, [&here] {
    here = 2;
    static_cast<void>(!::write(STDOUT_FILENO, "child", 5));
    return 5;
  });
  REQUIRE(process);
  CHECK(process.value().read_output({}) == Process::OutputEnd::kClosed);
  CHECK(process.value().output() == "child");
  CHECK(process.value().wait().exit_status() == 5);
  CHECK(here == 1);
  auto thrown = Process::start_function({}, []() -> int { throw 1; });
  REQUIRE(thrown);
  CHECK(thrown.value().wait().exit_status() == 1);
}

}  // namespace bothy
