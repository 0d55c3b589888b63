#include "container/seccomp_cache.h"

#include <linux/seccomp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::container {
namespace {

using test::content_of;
using test::TemporaryDirectory;

const SeccompProfile kProfile{
    {SECCOMP_RET_ALLOW}, {}, {}, {{{"getpid"}, {SECCOMP_RET_ERRNO | EPERM}, {}}}};
// Not what libseccomp makes of it: so the cache's program is known from a compiled one.
const std::vector<sock_filter> kMarked{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                                       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)};

bool same(const std::vector<sock_filter>& a, const std::vector<sock_filter>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(sock_filter)) == 0;
}

std::vector<sock_filter> compiled(const std::string& cache) {
  return compile_seccomp(kProfile, cache).value().program;
}

// The one file in a directory.
std::string file_in(const std::string& directory) {
  REQUIRE(test::files_in(directory) == 1);
  return std::filesystem::directory_iterator(directory)->path().string();
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("A compiled seccomp filter is kept for its user alone") {
  const TemporaryDirectory directory;
  const std::string cache = directory / "state/seccomp";
  const auto program = compiled(cache);
  CHECK(same(program, compiled("")));
  CHECK(mode_of(cache) == 0700);
  CHECK(mode_of(file_in(cache)) == 0600);
  CHECK(same(compiled(cache), program));
}

TEST_CASE("A seccomp filter in the cache is used instead of compiling") {
  const TemporaryDirectory directory;
  store_seccomp(directory.path(), seccomp_key(kProfile), kMarked);
  CHECK(same(compiled(directory.path()), kMarked));
}

TEST_CASE("Each part of a seccomp profile that makes another program has another key") {
  std::vector<SeccompProfile> profiles(8, kProfile);
  profiles[1].default_action = {SECCOMP_RET_LOG};
  profiles[2].architectures = {"SCMP_ARCH_X86"};
  profiles[3].rules[0].names = {"getppid"};
  profiles[4].rules[0].names = {"get", "pid"};
  profiles[5].rules[0].action = {SECCOMP_RET_TRAP};
  profiles[6].rules[0].arguments = {{0, SeccompCompare::kEqual, 0, 0}};
  profiles[7].rules[0].arguments = {{0, SeccompCompare::kEqual, 0, 1}};
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      INFO(i << " and " << j);
      CHECK(seccomp_key(profiles[i]) != seccomp_key(profiles[j]));
    }
  }
  CHECK(seccomp_key(profiles[0]) == seccomp_key(kProfile));
}

TEST_CASE("A damaged file in the seccomp cache is replaced") {
  const TemporaryDirectory directory;
  store_seccomp(directory.path(), seccomp_key(kProfile), kMarked);
  const std::string path = file_in(directory.path());
  const std::string good = content_of(path);
  std::string damaged = good;
  SECTION("a bit of the program") {
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
  }
  SECTION("a bit of the key") {
    damaged.front() = static_cast<char>(damaged.front() ^ 1);
  }
  SECTION("cut") {
    damaged.resize(damaged.size() - sizeof(sock_filter));
  }
  SECTION("cut within an instruction") {
    damaged.resize(damaged.size() - 1);
  }
  SECTION("longer") {
    damaged.append(sizeof(sock_filter), '\0');
  }
  SECTION("longer than any program") {
    damaged.append(BPF_MAXINSNS * sizeof(sock_filter), '\0');
  }
  SECTION("without a program") {
    damaged.resize(2 * sizeof(SeccompKey));
  }
  SECTION("empty") {
    damaged.clear();
  }
  REQUIRE(damaged != good);
  static_cast<void>(directory.write(std::filesystem::path(path).filename(), damaged));
  CHECK(same(compiled(directory.path()), compiled("")));
  CHECK(file_in(directory.path()) == path);
  CHECK(content_of(path) != damaged);
  CHECK(same(load_seccomp(directory.path(), seccomp_key(kProfile)).value(), compiled("")));
}

TEST_CASE("A seccomp filter that others could have written is replaced") {
  const TemporaryDirectory directory;
  store_seccomp(directory.path(), seccomp_key(kProfile), kMarked);
  const std::string path = file_in(directory.path());
  SECTION("by their permission") {
    REQUIRE(::chmod(path.c_str(), 0620) == 0);
  }
  SECTION("as their own") {
    if (::chown(path.c_str(), ::geteuid() + 1, static_cast<gid_t>(-1)) != 0) {
      return;  // to be tried by root alone
    }
  }
  SECTION("by a link") {
    REQUIRE(::rename(path.c_str(), (path + ".moved").c_str()) == 0);
    REQUIRE(::symlink((path + ".moved").c_str(), path.c_str()) == 0);
  }
  CHECK(same(compiled(directory.path()), compiled("")));
  CHECK(mode_of(path) == 0600);
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(path)));
}

TEST_CASE("A seccomp cache that can't be written is no error") {
  const TemporaryDirectory directory;
  const std::string file = directory.write("file", "");
  CHECK(same(compiled(file + "/cache"), compiled("")));
  // A directory where the file should be.
  compiled(directory / "cache");
  const std::string path = file_in(directory / "cache");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK(same(compiled(directory / "cache"), compiled("")));
  CHECK(file_in(directory / "cache") == path);
}

}  // namespace bothy::container
