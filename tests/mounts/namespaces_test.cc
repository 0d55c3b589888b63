#include "sandbox/namespaces.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/capabilities.h"
#include "tests/mounts/mounts_fixture.h"

namespace bothy::test {
namespace {

using sandbox::Namespaces;

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

bool can_write(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).get() >= 0;
}

// Makes namespaces with `paths`, and has a thread enter them, which then does `inside`; afterwards
// the main thread does `outside`. Returns the first status that isn't 0.
int entered(const std::vector<std::string>& paths, const std::function<int()>& inside,
            const std::function<int()>& outside) {
  const auto made = Namespaces::begin(paths);
  if (!made) {
    return 90;
  }
  int result = 0;
  std::thread thread([&] {
    if (made.value().enter_thread() != nullptr || sandbox::keep_capabilities(0) != nullptr) {
      result = 91;
      return;
    }
    result = inside();
  });
  thread.join();
  return result != 0 ? result : outside();
}

// What a thread finds where `directory` alone is to be reached: 0, or the number of the first check
// that failed.
int look_around(const std::string& directory) {
  if (exists("/etc") || exists("/proc") || exists("/dev")) {
    return 1;
  }
  if (!exists(directory + "/file") || !can_write(directory + "/new")) {
    return 2;
  }
  if (can_write("/new") || ::mkdir("/tmp/new", 0700) == 0) {
    return 3;
  }
  // The only network interface is a loopback that is down.
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(9);
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)) == 0) {
    return 4;
  }
  // What would lead back needs capabilities.
  return ::unshare(CLONE_NEWNS) == 0 || ::chroot(directory.c_str()) == 0 ? 5 : 0;
}

int others_are_outside() {
  return exists("/etc") && exists("/proc/self/ns/net") ? 0 : 6;
}

}  // namespace

TEST_CASE("a thread of root's sees the directories that it was given, and nothing else") {
  const TemporaryDirectory directory;
  directory.write("file", "");
  const std::string& path = directory.path();
  CHECK(status_of_child(start_child([&] {
          return entered(
              {path + "/missing", path}, [&] { return look_around(path); }, others_are_outside);
        })) == 0);
}

TEST_CASE("so does a thread of an ordinary user") {
  const TemporaryDirectory directory;
  directory.write("file", "");
  const std::string& path = directory.path();
  REQUIRE(::chmod(path.c_str(), 0777) == 0);
  CHECK(as_user(directory, "", [&] {
          return entered(
              {path}, [&] { return look_around(path); }, others_are_outside);
        }) == 0);
}

TEST_CASE("a thread may have a mount for its root, and who joins its namespace has it as well") {
  const TemporaryDirectory directory;
  directory.write("root/inside", "");
  directory.write("other/file", "");
  const std::string root = directory / "root";
  CHECK(status_of_child(start_child([&] {
          // As those of a container, of a namespace that no other mount reaches.
          if (::unshare(CLONE_NEWNS) != 0 ||
              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
              ::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) != 0) {
            return 80;
          }
          const UniqueFd fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
          const auto made = Namespaces::begin({directory / "other"});
          if (!made || made.value().enter_thread(fd.get()) != nullptr) {
            return 81;
          }
          if (!exists("/inside") || exists("/etc") || exists(directory / "other")) {
            return 82;
          }
          const pid_t joining = ::fork();
          if (joining == 0) {
            const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, ::getppid(), 0));
            ::_exit(::setns(pidfd, CLONE_NEWNS) == 0 && exists("/inside") ? 0 : 1);
          }
          return status_of_child(joining) == 0 ? 0 : 83;
        })) == 0);
}

TEST_CASE("a relative path stays one") {
  const TemporaryDirectory directory;
  directory.write("inner/file", "");
  CHECK(status_of_child(start_child([&] {
          if (::chdir(directory.path().c_str()) != 0) {
            return 80;
          }
          return entered(
              {"inner"}, [] { return exists("inner/file") && !exists("../../etc") ? 0 : 1; },
              [] { return exists("inner/file") ? 0 : 2; });
        })) == 0);
}

TEST_CASE("threads stay in the host's namespaces where they can't be parted from them") {
  const TemporaryDirectory directory;
  directory.write("file", "");
  const auto stays = [](const std::string& path, const char* there) {
    const auto made = Namespaces::begin({path});
    return made && made.value().enter_thread() == nullptr && exists(there) ? 0 : 1;
  };
  // All of the host's files are to be reached.
  CHECK(status_of_child(start_child([&] { return stays("/", "/etc"); })) == 0);
  // pivot_root(2) wants the root to be one of a mount.
  CHECK(status_of_child(start_child([&] {
          return ::chroot(directory.path().c_str()) == 0 ? stays("/tmp", "/file") : 2;
        })) == 0);
}

}  // namespace bothy::test
