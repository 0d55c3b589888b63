#include "run/container/root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "base/user_namespace.h"
#include "run/scratch_disk.h"
#include "tests/mounts/mounts_fixture.h"

namespace bothy::test {
namespace {

std::string attributes_of(const std::string& path) {
  std::string names(256, '\0');
  names.resize(static_cast<std::size_t>(
      std::max<ssize_t>(::llistxattr(path.c_str(), names.data(), names.size()), 0)));
  std::string text;
  for (std::size_t at = 0; at < names.size();) {
    const std::string name = names.c_str() + at;
    std::string value(256, '\0');
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    value.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    text += fmt::format(" {}={}", name, value);
    at += name.size() + 1;
  }
  return text;
}

// A line for each file below `root`: everything that a container can see of it but numbers of
// inodes and devices.
std::string listing(const std::string& root) {
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string path = entry.path().string();
    const struct stat status = status_of(path);
    std::string line =
        fmt::format("{} {:o} {}:{} {} {} {}.{}{}", path.substr(root.size()), status.st_mode,
                    status.st_uid, status.st_gid, status.st_nlink, status.st_rdev,
                    status.st_mtim.tv_sec, status.st_mtim.tv_nsec, attributes_of(path));
    if (S_ISREG(status.st_mode)) {
      line += " " + image::digest_of(content_of(path)).brief();
    } else if (S_ISLNK(status.st_mode)) {
      line += " " + std::filesystem::read_symlink(entry.path()).string();
    }
    lines.push_back(line);
  }
  std::ranges::sort(lines);
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

bool write_file(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  return file.flush().good();
}

}  // namespace

TEST_CASE("a root has the files of the image's disk") {
  const MountsFixture f;
  const std::string plain = f.directory / "plain";
  std::filesystem::create_directory(plain);
  REQUIRE(std::system(("mount -t erofs -o loop,ro " + f.disk + " " + plain).c_str()) == 0);
  const std::string expected = listing(plain);
  REQUIRE(::umount2(plain.c_str(), MNT_DETACH) == 0);
  CHECK(expected.find("/bin/su 104755 0:0 2") != std::string::npos);
  CHECK(expected.find("/home/note 100640 1000:1001") != std::string::npos);
  CHECK(expected.find("user.label=value") != std::string::npos);
  {
    const run::ImageMount mount = f.mount();
    const UniqueFd root = root_of(mount, {});
    CHECK(listing(in(root, ".")) == expected);
    CHECK(f.mounts() == 1);
  }
  CHECK(f.nothing_is_left());
}

TEST_CASE("what one root's users write isn't in another root") {
  const MountsFixture f;
  const run::ImageMount mount = f.mount();
  const UniqueFd one = root_of(mount, {});
  const UniqueFd two = root_of(mount, {});
  REQUIRE(write_file(in(one, "etc/motd"), "changed"));
  REQUIRE(std::filesystem::remove(in(one, "home/note")));
  CHECK(content_of(in(one, "etc/motd")) == "changed");
  CHECK(content_of(in(two, "etc/motd")) == "hello\n");
  CHECK(content_of(in(two, "home/note")) == "mine");
}

TEST_CASE("a root has the mode and owner that the image's root has") {
  const MountsFixture f(
      TarBuilder().directory(".", {.mode = 01751, .uid = 7, .gid = 8}).file("a", "a").done());
  const run::ImageMount mount = f.mount();
  const struct stat status = status_of(in(root_of(mount, {}), "."));
  CHECK((status.st_mode & 07777U) == 01751);
  CHECK(status.st_uid == 7);
  CHECK(status.st_gid == 8);
}

TEST_CASE("the owners of a root's files are those of the user namespace") {
  const MountsFixture f;
  const run::ImageMount mount = f.mount();
  const auto ids = make_user_namespace({{{0, 600000, 65536}}, {{0, 700000, 65536}}});
  REQUIRE(ids.has_value());
  const UniqueFd root = root_of(mount, {.user_namespace = ids.value().get()});
  const auto owner = [&](const char* path) {
    const struct stat status = status_of(in(root, path));
    return fmt::format("{}:{}", status.st_uid, status.st_gid);
  };
  CHECK(owner(".") == "600000:700000");
  CHECK(owner("etc/motd") == "600000:700000");
  CHECK(owner("home/note") == "601000:701001");
  REQUIRE(write_file(in(root, "home/note"), "copied up"));
  CHECK(owner("home/note") == "601000:701001");
  CHECK((status_of(in(root, "bin/su")).st_mode & 07777U) == 04755);
  // Another container's ids, and the host's own, in the same mount.
  CHECK(status_of(in(root_of(mount, {}), "home/note")).st_uid == 1000);
  const pid_t child = start_child([&] {
    if (::setns(ids.value().get(), CLONE_NEWUSER) != 0 || ::setgid(0) != 0 || ::setuid(0) != 0) {
      return 2;
    }
    return write_file(in(root, "etc/motd"), "by root inside") &&
                   status_of(in(root, "home/note")).st_uid == 1000 &&
                   ::chown(in(root, "etc/motd").c_str(), 5, 6) == 0
               ? 0
               : 1;
  });
  CHECK(status_of_child(child) == 0);
  CHECK(owner("etc/motd") == "600005:700006");
}

TEST_CASE("a root in a user namespace has no devices of the image") {
  const MountsFixture f;
  const run::ImageMount mount = f.mount();
  const auto ids = make_user_namespace({{{0, 600000, 65536}}, {{0, 600000, 65536}}});
  REQUIRE(ids.has_value());
  CHECK(open_file(in(root_of(mount, {}), "dev/null"), O_RDONLY));
  CHECK(open_file(in(root_of(mount, {.user_namespace = ids.value().get()}), "dev/null"), O_RDONLY)
            .has_error());
}

TEST_CASE("making a root leaves the process where it was") {
  const MountsFixture f;
  const run::ImageMount mount = f.mount();
  const std::string before = std::filesystem::read_symlink("/proc/self/ns/mnt");
  const std::string directory = std::filesystem::current_path();
  std::filesystem::current_path(f.directory.path());
  const UniqueFd root = root_of(mount, {});
  CHECK(std::filesystem::read_symlink("/proc/self/ns/mnt") == before);
  CHECK(std::filesystem::current_path() == f.directory.path());
  std::filesystem::current_path(directory);
}

TEST_CASE("making a root shows no mount to a host whose mounts are shared") {
  const MountsFixture f;
  const pid_t child = start_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", "", MS_REC | MS_SHARED, "") != 0) {
      return 2;
    }
    const auto mount = f.acquire();
    const auto root = mount ? run::make_root(mount.value(), {}) : Result<UniqueFd>(mount.error());
    return root && f.mounts() == 1 ? 0 : 1;
  });
  CHECK(status_of_child(child) == 0);
  CHECK(f.nothing_is_left());
}

TEST_CASE("a process whose root was changed keeps it") {
  const MountsFixture f;
  const std::string inner = f.directory / "inner";
  const std::array<std::string, 3> kept{"/proc", "/dev", f.directory.path()};
  for (const std::string& path : kept) {
    std::filesystem::create_directories(inner + path);
  }
  const pid_t child = start_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", "", MS_REC | MS_PRIVATE, "") != 0) {
      return 2;
    }
    for (const std::string& path : kept) {
      if (::mount(path.c_str(), (inner + path).c_str(), "", MS_BIND, "") != 0) {
        return 3;
      }
    }
    if (::chroot(inner.c_str()) != 0 || ::chdir("/") != 0) {
      return 4;
    }
    const auto mount = f.acquire();
    const auto root = mount ? run::make_root(mount.value(), {}) : Result<UniqueFd>(mount.error());
    return root && !std::filesystem::exists("/usr") ? 0 : 1;
  });
  CHECK(status_of_child(child) == 0);
}

TEST_CASE("forty processes at once share one mount and leave nothing") {
  const MountsFixture f;
  std::vector<pid_t> children;
  for (int i = 0; i < 40; ++i) {
    children.push_back(start_child([&] {
      for (int round = 0; round < 5; ++round) {
        auto mount = f.acquire();
        if (!mount || f.mounts() != 1) {
          return 1;
        }
        const auto root = run::make_root(mount.value(), {});
        if (!root || content_of(in(root.value(), "etc/motd")) != "hello\n") {
          return 2;
        }
      }
      return 0;
    }));
  }
  for (const pid_t child : children) {
    CHECK(status_of_child(child) == 0);
  }
  CHECK(f.nothing_is_left());
}

TEST_CASE("the mount of a killed user is used again, or swept") {
  const MountsFixture f;
  std::array<int, 2> acquired{};
  REQUIRE(::pipe(acquired.data()) == 0);
  const pid_t child = start_child([&] {
    const auto mount = f.acquire();
    const auto root = mount ? run::make_root(mount.value(), {}) : Result<UniqueFd>(mount.error());
    static_cast<void>(!root || ::write(acquired[1], "x", 1) == 1);
    ::pause();
    return 0;
  });
  char byte = 0;
  REQUIRE(::read(acquired[0], &byte, 1) == 1);
  run::ImageMount::sweep(f.instances());
  CHECK(f.mounts() == 1);
  ::kill(child, SIGKILL);
  CHECK(status_of_child(child) == 128 + SIGKILL);
  CHECK(f.mounts() == 1);
  SECTION("swept") {
    run::ImageMount::sweep(f.instances());
  }
  SECTION("swept by the user of another image") {
    const MountsFixture other(TarBuilder().file("a", "a").done());
    const auto mount = run::ImageMount::acquire(f.instances(), other.digest(), other.disk);
    CHECK(mount);
    CHECK(f.mounts() == 1);
  }
  SECTION("used again") {
    const run::ImageMount mount = f.mount();
    CHECK(f.mounts() == 1);
  }
  CHECK(f.nothing_is_left());
}

TEST_CASE("a mount stays while a process that was forked off uses it") {
  const MountsFixture f;
  std::array<int, 2> done{};
  REQUIRE(::pipe(done.data()) == 0);
  pid_t child = 0;
  {
    const run::ImageMount mount = f.mount();
    child = start_child([&] {
      char byte = 0;
      static_cast<void>(::read(done[0], &byte, 1));
      return 0;
    });
  }
  CHECK(f.mounts() == 1);
  REQUIRE(::write(done[1], "x", 1) == 1);
  CHECK(status_of_child(child) == 0);
  run::ImageMount::sweep(f.instances());
  CHECK(f.nothing_is_left());
}

TEST_CASE("a root with a scratch disk holds as much as that and leaves no loop device") {
  const MountsFixture f;
  const std::string scratch = f.directory / "scratch";
  REQUIRE(run::make_scratch_disk(scratch, 8U << 20U));
  {
    const run::ImageMount mount = f.mount();
    const UniqueFd root = root_of(mount, {.scratch = scratch});
    CHECK(write_file(in(root, "small"), std::string(1U << 20U, 's')));
    CHECK_FALSE(write_file(in(root, "large"), std::string(16U << 20U, 'l')));
    CHECK(f.loop_devices() >= 1);
  }
  CHECK(f.nothing_is_left());
}

TEST_CASE("thirty scratch disks are mounted at once") {
  const MountsFixture f;
  const run::ImageMount mount = f.mount();
  std::vector<pid_t> children;
  for (int i = 0; i < 30; ++i) {
    const std::string scratch = f.directory / fmt::format("scratch-{}", i);
    REQUIRE(run::make_scratch_disk(scratch, 1U << 20U));
    children.push_back(
        start_child([&, scratch] { return run::make_root(mount, {.scratch = scratch}) ? 0 : 1; }));
  }
  for (const pid_t child : children) {
    CHECK(status_of_child(child) == 0);
  }
}

TEST_CASE("a damaged disk is an error that leaves nothing") {
  MountsFixture f;
  f.disk = f.directory.write("damaged", std::string(1U << 20U, 'x'));
  const auto mount = f.acquire();
  REQUIRE(mount.has_error());
  CHECK(mount.error().context.starts_with("can't mount the image's disk '" + f.disk + "': "));
  CHECK(mount.error().context.find('\n') == std::string::npos);
  CHECK(f.nothing_is_left());
}

TEST_CASE("a raw disk is refused") {
  StoreFixture f;
  const std::string disk = f.directory / "disk";
  REQUIRE(run::make_scratch_disk(disk, 1U << 20U));
  const image::Image image = f.import_one(disk);
  const auto refused = run::container_disk(f.store, image, {});
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == ErrorCode::kUnsupported);
  CHECK(refused.error().context.find("--isolation vm") != std::string::npos);
}

}  // namespace bothy::test
