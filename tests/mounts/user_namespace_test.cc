#include "base/user_namespace.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "base/files.h"
#include "base/subordinate_ids.h"
#include "tests/mounts/mounts_fixture.h"

namespace bothy::test {
namespace {

// The maps of a namespace, as a process in it sees them.
std::string maps_in(const UniqueFd& user_namespace) {
  std::array<int, 2> text{};
  REQUIRE(::pipe(text.data()) == 0);
  const pid_t child = start_child([&] {
    ::dup2(text[1], STDOUT_FILENO);
    return ::setns(user_namespace.get(), CLONE_NEWUSER) == 0 &&
                   ::execlp("cat", "cat", "/proc/self/uid_map", "/proc/self/gid_map",
                            "/proc/self/setgroups", nullptr) == 0
               ? 0
               : 1;
  });
  ::close(text[1]);
  std::string maps;
  for (char byte = 0; ::read(text[0], &byte, 1) == 1;) {
    maps += byte;
  }
  ::close(text[0]);
  status_of_child(child);
  std::string words;
  for (std::istringstream stream(maps); stream >> maps;) {
    words += maps + " ";
  }
  return words;
}

}  // namespace

TEST_CASE("root makes a user namespace with any ids") {
  const auto made = make_user_namespace({{{0, 524288, 65536}}, {{0, 589824, 10}, {10, 7, 1}}});
  REQUIRE(made.has_value());
  CHECK(maps_in(made.value()) == "0 524288 65536 0 589824 10 10 7 1 allow ");
}

TEST_CASE("ids that overlap are an error") {
  const auto made = make_user_namespace({{{0, 1, 2}, {1, 7, 1}}, {{0, 1, 1}}});
  REQUIRE(made.has_error());
  CHECK(made.error().context.find("uid_map") != std::string::npos);
}

TEST_CASE("an ordinary user makes a user namespace with subordinate ids") {
  const TemporaryDirectory directory;
  CHECK(as_user(directory, "nobody:200000:1000\n", [] {
          const auto made = make_user_namespace(UserIdRanges::find().root_mappings());
          return made && maps_in(made.value()) ==
                             "0 65534 1 1 200000 1000 0 65534 1 1 200000 1000 allow "
                     ? 0
                     : 1;
        }) == 0);
  CHECK(as_user(directory, "65534:200000:1000\n", [] {
          return UserIdRanges::find().users == std::vector<IdRange>{{200000, 1000}} ? 0 : 1;
        }) == 0);
}

TEST_CASE("an ordinary user without subordinate ids makes a user namespace with one id") {
  const TemporaryDirectory directory;
  CHECK(as_user(directory, "other:200000:1000\n", [] {
          const auto made = make_user_namespace(UserIdRanges::find().root_mappings());
          return made && maps_in(made.value()) == "0 65534 1 0 65534 1 deny " ? 0 : 1;
        }) == 0);
}

TEST_CASE("ids that an ordinary user doesn't have are an error") {
  const TemporaryDirectory directory;
  CHECK(as_user(directory, "nobody:200000:1000\n", [] {
          const auto made = make_user_namespace({{{0, 300000, 10}}, {{0, 200000, 10}}});
          return made.has_error() && made.error().code == ErrorCode::kPermission &&
                         made.error().context.find("newuidmap: ") != std::string::npos
                     ? 0
                     : 1;
        }) == 0);
}

TEST_CASE("work in a user namespace gives its error") {
  const auto made = make_user_namespace({{{0, 524288, 10}}, {{0, 524288, 10}}});
  REQUIRE(made.has_value());
  CHECK(run_in_user_namespace(made.value().get(), [] { return Result<void>(success()); }));
  const auto failed = run_in_user_namespace(made.value().get(), [] {
    return Result<void>(make_error(ErrorCode::kBadInput, "bad '{}'", "x"));
  });
  REQUIRE(failed.has_error());
  CHECK(failed.error().code == ErrorCode::kBadInput);
  CHECK(failed.error().context == "bad 'x'");
}

TEST_CASE("an ordinary user removes a tree with files of subordinate ids") {
  const TemporaryDirectory directory;
  const std::string tree = directory / "mine/tree";
  std::filesystem::create_directories(tree + "/inner/closed");
  directory.write("mine/tree/inner/closed/file", "x");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tree)) {
    REQUIRE(::lchown(entry.path().c_str(), 200005, 200006) == 0);
  }
  REQUIRE(::chmod((tree + "/inner/closed").c_str(), 0) == 0);
  REQUIRE(::chown((directory / "mine").c_str(), kNobody, kNobody) == 0);
  REQUIRE(::chown(tree.c_str(), kNobody, kNobody) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  CHECK(as_user(directory, "nobody:200000:1000\n", [&] {
          return remove_tree(tree).has_error() && remove_mapped_tree(tree) ? 0 : 1;
        }) == 0);
  CHECK_FALSE(std::filesystem::exists(tree));
}

}  // namespace bothy::test
