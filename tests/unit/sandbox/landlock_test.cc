#include "sandbox/landlock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <future>
#include <thread>

#include "base/process.h"
#include "sandbox/hygiene.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace bothy;
using bothy::sandbox::give_up_privileges;
using bothy::sandbox::Landlock;

namespace {

constexpr int kRefused = 100;

using Rules = std::function<Result<void>(Landlock&)>;

// The result of `attempt`, an errno value or 0, in a process of its own that is confined by
// `rules`, or is free.
int attempt_in(const Rules& rules, const std::function<int()>& attempt) {
  auto child = Process::start_function({}, [&] {
    if (rules) {
      auto landlock = Landlock::make();
      if (!landlock || !rules(landlock.value()) || give_up_privileges() != nullptr ||
          landlock.value().restrict_thread() != nullptr) {
        return kRefused;
      }
    }
    return attempt();
  });
  REQUIRE(child.has_value());
  return child.value().wait().exit_status().value_or(-1);
}

int result_of(int result) {
  return result < 0 ? errno : 0;
}

int open_at(const std::string& path, int flags) {
  return result_of(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

int connect_to_nobody() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result_of(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
}

}  // namespace

TEST_CASE("a process gives up new privileges, core files and being read") {
  auto child = Process::start_function({}, [] {
    rlimit core{1, 1};
    ::getrlimit(RLIMIT_CORE, &core);
    const int before = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    const char* failed = give_up_privileges();
    ::getrlimit(RLIMIT_CORE, &core);
    return before == 0 && failed == nullptr && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                   ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && core.rlim_max == 0
               ? 0
               : 1;
  });
  REQUIRE(child.has_value());
  CHECK(child.value().wait().succeeded());
}

TEST_CASE("Landlock leaves what its rules allow and nothing else") {
  if (Landlock::abi() == 0) {
    WARN("this kernel has no Landlock");
    return;
  }
  const test::TemporaryDirectory directory;
  const std::string mine = directory / "mine";
  const std::string other = directory / "other";
  for (const std::string& each : {mine, other}) {
    REQUIRE(::mkdir(each.c_str(), 0700) == 0);
    for (const char* name : {"/file", "/gone"}) {
      REQUIRE(open_at(each + name, O_WRONLY | O_CREAT) == 0);
    }
  }
  const Rules rules = [&](Landlock& landlock) -> Result<void> {
    BOTHY_TRY(landlock.allow_path(other + "/file", Landlock::kRead | Landlock::kMake));
    BOTHY_TRY(landlock.allow_path(directory / "missing", Landlock::kRead));
    return landlock.allow_path(mine, Landlock::kRead | Landlock::kList | Landlock::kWrite |
                                         Landlock::kMake | Landlock::kRemove);
  };
  struct Attempt {
    std::function<int()> make;
    int abi;     // that denies it
    int denied;  // errno; 0: allowed
  };
  const std::vector<Attempt> attempts{
      {[&] { return open_at(mine + "/file", O_RDWR); }, 1, 0},
      {[&] { return open_at(mine + "/new", O_RDWR | O_CREAT); }, 1, 0},
      {[&] { return open_at(other + "/file", O_RDONLY); }, 1, 0},
      {[&] { return open_at(other + "/file", O_WRONLY); }, 1, EACCES},
      {[&] { return open_at(other + "/new", O_RDWR | O_CREAT); }, 1, EACCES},
      {[&] { return open_at(other, O_RDONLY); }, 1, EACCES},
      {[&] { return open_at("/etc/passwd", O_RDONLY); }, 1, EACCES},
      {[&] { return result_of(::unlink((other + "/gone").c_str())); }, 1, EACCES},
      {[&] { return result_of(::truncate((other + "/file").c_str(), 0)); }, 3, EACCES},
      {[&] { return result_of(::mkfifo((mine + "/fifo").c_str(), 0600)); }, 1, 0},
      {[&] { return result_of(::execl("/bin/true", "true", nullptr)); }, 1, EACCES},
      {[] { return result_of(::kill(::getppid(), 0)); }, 6, EPERM},
  };
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const Attempt& each = attempts[i];
    INFO(i);
    CHECK(attempt_in(rules, each.make) == (Landlock::abi() >= each.abi ? each.denied : 0));
  }
  // Afterwards, since some attempts change what others need.
  for (std::size_t i = attempts.size(); i-- > 0;) {
    INFO(i);
    const int free = attempt_in({}, attempts[i].make);
    CHECK((free == 0 || free == EEXIST));
  }
  CHECK(attempt_in({}, connect_to_nobody) == ECONNREFUSED);
  CHECK(attempt_in(rules, connect_to_nobody) == (Landlock::abi() >= 4 ? EACCES : ECONNREFUSED));
}

TEST_CASE("threads with rulesets of their own still signal each other, and nobody outside") {
  auto child = Process::start_function({}, [] {
    Landlock::Scope scope;
    scope.threads = true;
    const auto of_main = Landlock::make(scope);
    const auto of_other = Landlock::make(scope);
    if (!of_main || !of_other || give_up_privileges() != nullptr) {
      return kRefused;
    }
    std::promise<void> confined;
    std::promise<void> signalled;
    bool failed = false;
    std::thread other([&] {
      failed = of_other.value().restrict_thread() != nullptr;
      confined.set_value();
      signalled.get_future().wait();
    });
    confined.get_future().wait();
    failed = of_main.value().restrict_thread() != nullptr || failed;
    const int result = ::pthread_kill(other.native_handle(), 0);
    signalled.set_value();
    other.join();
    const bool scoped = Landlock::abi() >= 6 && Landlock::signals_among_threads();
    const bool outside = ::kill(::getppid(), 0) == 0;
    return failed ? kRefused : result != 0 ? result : outside == scoped ? kRefused + 1 : 0;
  });
  REQUIRE(child.has_value());
  CHECK(child.value().wait().exit_status() == 0);
}
