#include "image/confined/child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>

#include "base/files.h"
#include "base/process.h"
#include "image/confined/wire.h"
#include "image/import/intake.h"
#include "sandbox/landlock.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace bothy;
using namespace bothy::image;
using bothy::test::TemporaryDirectory;

namespace {

constexpr std::uint32_t kFirst = static_cast<std::uint32_t>(LinkMessage::kFirstRequest);

int result_of(long result) {
  return result < 0 ? errno : 0;
}
int open_at(const std::string& path, int flags) {
  return result_of(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

// What code in the child may try: 0, or an errno value.
struct Attempt {
  const char* what;
  std::function<int()> make;
};

std::vector<Attempt> attempts(const TemporaryDirectory& outside) {
  const std::string file = outside.path() + "/file";
  return {
      {"open /etc/passwd", [] { return open_at("/etc/passwd", O_RDONLY); }},
      {"write outside", [file] { return open_at(file, O_WRONLY | O_CREAT); }},
      {"remove outside", [file] { return result_of(::unlink(file.c_str())); }},
      {"socket", [] { return result_of(::socket(AF_INET, SOCK_STREAM, 0)); }},
      {"unix socket", [] { return result_of(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
      {"exec", [] { return result_of(::execl("/bin/true", "true", nullptr)); }},
      {"fork", [] { return result_of(::fork()); }},
      {"signal the parent", [] { return result_of(::kill(::getppid(), 0)); }},
      {"code in memory",
       [] {
         void* made =
             ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return made == MAP_FAILED ? errno : 0;
       }},
      {"namespace", [] { return result_of(::unshare(CLONE_NEWUSER)); }},
      {"ioctl",
       [] {
         int count = 0;
         return result_of(::ioctl(0, FIONREAD, &count)) == ENOTTY ? 0 : errno;
       }},
      {"io_uring",
       [] {
         std::array<char, 256> parameters{};
         return result_of(::syscall(SYS_io_uring_setup, 1, parameters.data()));
       }},
  };
}

ConfinedWork work_of(const std::function<Result<std::string>(ParentLink&)>& run) {
  ConfinedWork work;
  work.failure = "the test didn't end";
  work.run = run;
  return work;
}

// The result in a confined child, "0" or an errno value; or how the child ended.
std::string confined_result(const ConfinedWork& form, const std::function<int()>& attempt) {
  ConfinedWork work = form;
  work.failure = "killed";
  work.run = [&](ParentLink&) -> Result<std::string> { return std::to_string(attempt()); };
  const auto result = run_confined(work);
  return result ? result.value() : result.error().context;
}

int free_result(const std::function<int()>& attempt) {
  auto child = Process::start_function({}, attempt);
  REQUIRE(child.has_value());
  return child.value().wait().exit_status().value_or(-1);
}

const std::string kKilled =
    "killed: the unpacking process was ended by signal 31 (Bad system call); the image may be "
    "hostile";

}  // namespace

TEST_CASE("a child without paths can't do what it could do unconfined") {
  const TemporaryDirectory outside;
  outside.write("file", "content");
  for (const Attempt& each : attempts(outside)) {
    INFO(each.what);
    CHECK(confined_result({}, each.make) == kKilled);
    CHECK(free_result(each.make) == 0);
  }
}

TEST_CASE("a child that reads or writes a tree can't leave it") {
  const auto kind = GENERATE(ConfinedFiles::kReadTree, ConfinedFiles::kWriteTree);
  const TemporaryDirectory mine;
  const TemporaryDirectory outside;
  outside.write("file", "content");
  mine.write("file", "content");
  ConfinedWork form;
  form.files = kind;
  form.directory = mine.path();
  for (const Attempt& each : attempts(outside)) {
    INFO(each.what);
    const std::string what = each.what;
    const bool by_path = what.starts_with("open") || what.starts_with("write") ||
                         (what.starts_with("remove") && kind == ConfinedFiles::kWriteTree);
    if (!by_path) {
      CHECK(confined_result(form, each.make) == kKilled);
    } else if (sandbox::Landlock::abi() >= 2) {
      CHECK(confined_result(form, each.make) == std::to_string(EACCES));
    }
    CHECK(free_result(each.make) == 0);
  }
  CHECK(confined_result(form, [&] { return open_at(mine / "file", O_RDONLY); }) == "0");
  const bool writes = kind == ConfinedFiles::kWriteTree;
  if (writes || sandbox::Landlock::abi() >= 2) {
    CHECK(confined_result(form, [&] { return open_at(mine / "new", O_WRONLY | O_CREAT); }) ==
          (writes ? "0" : std::to_string(EACCES)));
  }
}

TEST_CASE("a child has no privileges, no descriptors but its own, and limits") {
  const UniqueFd foreign(::open("/dev/null", O_RDONLY));
  ConfinedWork work = work_of([](ParentLink& link) -> Result<std::string> {
    return link.ask(kFirst, std::to_string(::getpid()));
  });
  std::string status;
  std::string limits;
  std::size_t descriptors = 0;
  work.serve = [&](std::uint32_t /*type*/, std::string_view pid) -> Result<std::string> {
    const std::string process = "/proc/" + std::string(pid);
    BOTHY_TRY(const UniqueFd status_file, open_file(process + "/status", O_RDONLY));
    BOTHY_TRY(status, read_to_end(status_file.get(), "status"));
    BOTHY_TRY(const UniqueFd limits_file, open_file(process + "/limits", O_RDONLY));
    BOTHY_TRY(limits, read_to_end(limits_file.get(), "limits"));
    // A process that isn't dumpable shows them to root alone.
    if (::geteuid() == 0) {
      BOTHY_TRY(const auto names, list_directory(process + "/fd"));
      descriptors = names.size();
    }
    return std::string("answer");
  };
  CHECK(run_confined(work).value() == "answer");
  CHECK(status.find("NoNewPrivs:\t1") != std::string::npos);
  CHECK(status.find("Seccomp:\t2") != std::string::npos);
  CHECK(status.find("CapPrm:\t0000000000000000") != std::string::npos);
  CHECK(limits.find("Max core file size        0                    0") != std::string::npos);
  CHECK(limits.find("Max cpu time              16984                16985") != std::string::npos);
  CHECK((::geteuid() != 0 || descriptors == 4));
}

TEST_CASE("a child's errors, progress and ends reach its parent") {
  const auto failed = run_confined(work_of([](ParentLink&) -> Result<std::string> {
    return make_error(ErrorCode::kUnsupported, "no \x1b[31m{}", std::string(10000, 'x'));
  }));
  CHECK(failed.error().code == ErrorCode::kUnsupported);
  CHECK(failed.error().context.starts_with("no \\x1b[31mxxx"));
  CHECK(failed.error().context.size() < 5000);

  std::string seen;
  ConfinedWork work = work_of([](ParentLink& link) -> Result<std::string> {
    progress_on(link)("reading", 1, 2);
    return std::string("done");
  });
  work.progress = [&](std::string_view what, std::uint64_t done, std::uint64_t all) {
    seen = fmt::format("{} {} {}", what, done, all);
  };
  CHECK(run_confined(work).value() == "done");
  CHECK(seen == "reading 1 2");

  const auto crashed = run_confined(work_of([](ParentLink&) -> Result<std::string> {
    ::syscall(SYS_exit_group, 3);
    return std::string();
  }));
  CHECK(crashed.error().code == ErrorCode::kBadInput);
  CHECK(crashed.error().context ==
        "the test didn't end: the unpacking process was ended by exit status 3; the image may be "
        "hostile");
}

TEST_CASE("a hostile child's messages are refused, and end it") {
  struct Case {
    std::uint32_t type;
    std::string content;
    std::string words;
  };
  WireWriter huge;
  huge.number(~0ULL);
  const std::vector<Case> cases{
      {kFirst + 100, "", "unexpected message"},
      {static_cast<std::uint32_t>(LinkMessage::kAnswer), "", "unexpected message"},
      {static_cast<std::uint32_t>(LinkMessage::kProgress), "short", "cut off"},
      {static_cast<std::uint32_t>(LinkMessage::kProgress), huge.take(), "exceeds"},
      {static_cast<std::uint32_t>(LinkMessage::kFailed), "short", "can't be read"},
      {kFirst, std::string(kMaxFrame + 1, 'x'), "too long"},
  };
  for (const Case& each : cases) {
    INFO(each.type);
    const auto result = run_confined(work_of([&](ParentLink& link) -> Result<std::string> {
      static_cast<void>(link.tell(each.type, each.content));
      for (;;) {
        ::sched_yield();
      }
    }));
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().context.find(each.words) != std::string::npos);
  }
}

TEST_CASE("what a hostile child says of its images is checked") {
  NewImage image;
  image.manifest.media_type = "type";
  image.names = {"docker.io/library/x:1"};
  const std::string good = pack_images({image});
  CHECK(unpack_images(good).value().front().names == image.names);
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(unpack_images(good.substr(0, size)).has_value());
  }
  CHECK_FALSE(unpack_images(good + "x").has_value());
  for (const char* name : {"", "../x", "x\n", "x:1", "UPPER/x:1"}) {
    image.names = {name};
    CHECK_FALSE(unpack_images(pack_images({image})).has_value());
  }
  CHECK_FALSE(unpack_images(pack_images(std::vector<NewImage>(1025))).has_value());
}
