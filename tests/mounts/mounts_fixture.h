// An image in a store of its own, and what it takes to look at mounts.
#pragma once

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "run/container/image_mount.h"
#include "run/container/root.h"
#include "tests/support/hang_limit.h"
#include "tests/unit/image/image_fixture.h"

namespace bothy::test {

struct MountsFixture : StoreFixture {
  // Of directories, files, links, owners, a device and a set-id program.
  static std::string various_layer() {
    TarBuilder tar;
    tar.directory("etc").file("etc/motd", "hello\n");
    tar.file("bin/su", std::string(70'000, 's'), {.mode = 04755});
    tar.file("home/note", "mine", {.mode = 0640, .uid = 1000, .gid = 1001});
    tar.directory("tmp", {.mode = 01777});
    tar.symlink("bin/sh", "su").hard_link("bin/link", "bin/su");
    tar.file("etc/labelled", "x", {.xattrs = {{"user.label", "value"}}});
    tar.device("dev/null", AE_IFCHR, 1, 3);
    return tar.done();
  }

  explicit MountsFixture(const std::string& layer = various_layer()) {
    LayoutBuilder layout(directory / "layout");
    layout.add("x", {layer});
    layout.finish();
    image = import_one(layout.root());
    const auto built = run::container_disk(store, image, {});
    REQUIRE(built.has_value());
    disk = built.value().path;
  }

  [[nodiscard]] const image::Digest& digest() const { return image.manifest.digest; }
  [[nodiscard]] std::string instances() const { return directory / "run"; }
  [[nodiscard]] Result<run::ImageMount> acquire() const {
    return run::ImageMount::acquire(instances(), digest(), disk);
  }
  [[nodiscard]] run::ImageMount mount() const {
    auto mount = acquire();
    if (!mount) {
      FAIL(mount.error().context);
    }
    return std::move(mount).value();
  }

  // How many mounts and loop devices of this fixture the kernel has.
  [[nodiscard]] std::size_t mounts() const {
    std::ifstream info("/proc/self/mountinfo");
    std::size_t count = 0;
    for (std::string line; std::getline(info, line);) {
      count += line.find(directory.path()) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] std::size_t loop_devices() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/block")) {
      const std::string file = content_of(entry.path().string() + "/loop/backing_file");
      count += file.starts_with(directory.path()) ? 1 : 0;
    }
    return count;
  }
  // The kernel lets go of a file system a little after its last user.
  [[nodiscard]] bool nothing_is_left() const {
    return eventually([&] { return mounts() + loop_devices() == 0; }) &&
           files_in(instances() + "/roots") == 1;
  }

  image::Image image;
  std::string disk;
};

inline UniqueFd root_of(const run::ImageMount& mount, const run::RootOptions& options) {
  auto root = run::make_root(mount, options);
  if (!root) {
    FAIL(root.error().context);
  }
  return std::move(root).value();
}

// A path below a mount that is attached nowhere.
inline std::string in(const UniqueFd& root, const std::string& path) {
  return "/proc/self/fd/" + std::to_string(root.get()) + "/" + path;
}

inline struct stat status_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    FAIL("no " << path);
  }
  return status;
}

// A child that is this process's copy.
inline pid_t start_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(body());
  }
  return child;
}

inline int status_of_child(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline constexpr unsigned kNobody = 65534;

// Runs `body` as a user whose subordinate ids are what the text says.
inline int as_user(const TemporaryDirectory& directory, const std::string& subordinate,
                   const std::function<int()>& body) {
  const std::string file = directory.write("subordinate", subordinate);
  return status_of_child(start_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", "", MS_REC | MS_PRIVATE, "") != 0) {
      return 100;
    }
    for (const char* path : {"/etc/subuid", "/etc/subgid"}) {
      if (::mount(file.c_str(), path, "", MS_BIND, "") != 0) {
        return 101;
      }
    }
    if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) {
      return 102;
    }
    // A process that has changed its user isn't that user's to look at (proc(5)).
    if (::prctl(PR_SET_DUMPABLE, 1) != 0) {
      return 103;
    }
    return body();
  }));
}

}  // namespace bothy::test
