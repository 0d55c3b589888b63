#include "container/users.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "base/unique_fd.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::container {
namespace {

constexpr std::string_view kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment\n"
    "broken:x:1\n"
    "none:x:4294967295:0::/:\n"
    "web:x:33:34:a web server:/var/www:/bin/false\n"
    "again:x:33:35::/again:\n"
    "homeless:x:40:40:::\n"
    "1000:x:7:7::/seven:\n";
constexpr std::string_view kGroup =
    "root:x:0:\n"
    "web:x:34:\n"
    "bad:x:y:web\n"
    "disk:x:6:root,web\n"
    "logs:x:8:webmaster\n"
    "video:x:44:web\n"
    "twice:x:44:web\n";

UserIds found(std::string_view text) {
  auto ids = find_user(text, kPasswd, kGroup);
  INFO((ids ? std::string() : ids.error().context));
  REQUIRE(ids.has_value());
  return std::move(ids).value();
}

std::string error_of(std::string_view text) {
  const auto ids = find_user(text, kPasswd, kGroup);
  REQUIRE(!ids.has_value());
  CHECK(ids.error().code == ErrorCode::kInvalid);
  return ids.error().context;
}

using Groups = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("A user is found by name, with the groups that list it") {
  const UserIds web = found("web");
  CHECK(web.user == 33);
  CHECK(web.group == 34);
  CHECK(web.groups == Groups{34, 6, 44});
  CHECK(web.home == "/var/www");
}

TEST_CASE("A user is found by number, with the first entry that has it") {
  const UserIds web = found("33");
  CHECK(web.group == 34);
  CHECK(web.groups == Groups{34, 6, 44});
  CHECK(web.home == "/var/www");
}

TEST_CASE("A number needs no entry") {
  const UserIds ids = found("4294967294");
  CHECK(ids.user == 4294967294U);
  CHECK(ids.group == 0);
  CHECK(ids.groups == Groups{0});
  CHECK(ids.home == "/");
}

TEST_CASE("A number is never a name") {
  CHECK(found("1000").user == 1000);
  CHECK(found("1000").home == "/");
}

TEST_CASE("Nothing is root") {
  for (const std::string_view text : {"", ":", "0", "root"}) {
    const UserIds root = found(text);
    CHECK(root.user == 0);
    CHECK(root.group == 0);
    CHECK(root.groups == Groups{0, 6});
    CHECK(root.home == "/root");
  }
}

TEST_CASE("A group replaces the user's own groups") {
  for (const std::string_view text : {"web:video", "33:44", "web:44"}) {
    const UserIds ids = found(text);
    CHECK(ids.user == 33);
    CHECK(ids.group == 44);
    CHECK(ids.groups == Groups{44});
    CHECK(ids.home == "/var/www");
  }
  CHECK(found(":disk").user == 0);
  CHECK(found(":disk").group == 6);
  CHECK(found("web:").groups == Groups{34, 6, 44});
  CHECK(found("5:7").group == 7);
}

TEST_CASE("A user without a home has the root directory") {
  CHECK(found("homeless").home == "/");
}

TEST_CASE("Users and groups that don't exist") {
  CHECK(error_of("nobody") == "no user 'nobody' in the image's /etc/passwd");
  CHECK(error_of("broken") == "no user 'broken' in the image's /etc/passwd");
  CHECK(error_of("none") == "no user 'none' in the image's /etc/passwd");
  CHECK(error_of("we\nb") == "no user 'we\\x0ab' in the image's /etc/passwd");
  CHECK(error_of("web:none") == "no group 'none' in the image's /etc/group");
  CHECK(error_of("web:bad") == "no group 'bad' in the image's /etc/group");
  CHECK(error_of("0:0:0") == "no group '0:0' in the image's /etc/group");
  CHECK(error_of("-1") == "no user '-1' in the image's /etc/passwd");
  CHECK(error_of("4294967295") == "invalid user '4294967295': expected a number up to 4294967294");
  CHECK(error_of("0:99999999999999999999") ==
        "invalid group '99999999999999999999': expected a number up to 4294967294");
}

TEST_CASE("Files without entries have no users, and lines with a NUL are none") {
  CHECK(find_user("0", "", "").has_value());
  CHECK_FALSE(find_user("root", "", "").has_value());
  CHECK_FALSE(find_user("root", "\n\n::::\n:x:0:0", "").has_value());
  using std::string_view_literals::operator""sv;
  CHECK_FALSE(find_user("root", "root:x:0:0::/ro\0ot:"sv, "").has_value());
  CHECK(find_user("a", "a::1:2", "").value().group == 2);
}

TEST_CASE("A user has at most 256 groups") {
  std::string group;
  for (int i = 1; i < 256; ++i) {
    group += fmt::format("g{}:x:{}:a\n", i, i);
  }
  const auto most = find_user("a", "a:x:0:0::/:", group);
  REQUIRE(most.has_value());
  CHECK(most.value().groups.size() == 256);
  const auto more = find_user("a", "a:x:0:0::/:", group + "more:x:256:a\n");
  REQUIRE(!more.has_value());
  CHECK(more.error().context == "user 'a' is in more than 256 groups");
}

class UsersRoot {
 public:
  UsersRoot() : fd_(::open(directory_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    std::filesystem::create_directory(directory_ / "etc");
  }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ / name; }
  void write(const std::string& name, std::string_view text) const {
    static_cast<void>(directory_.write(name, text));
  }
  [[nodiscard]] Result<UserIds> find(std::string_view text) const {
    return find_user_in_root(text, fd_.get());
  }

 private:
  test::TemporaryDirectory directory_;
  UniqueFd fd_;
};

TEST_CASE("The files of a root directory are read") {
  const UsersRoot root;
  CHECK(root.find("5").value().user == 5);
  CHECK_FALSE(root.find("web").has_value());
  root.write("etc/passwd", kPasswd);
  root.write("etc/group", kGroup);
  CHECK(root.find("web:video").value().group == 44);
}

TEST_CASE("Links of a root directory are followed within it") {
  const UsersRoot root;
  root.write("users", "inside:x:5:6::/:\n");
  std::filesystem::create_symlink("/users", root.path("etc/passwd"));
  CHECK(root.find("inside").value().user == 5);
  CHECK_FALSE(root.find("root").has_value());
  std::filesystem::create_symlink("../../../../../../etc/group", root.path("etc/group"));
  const auto looped = root.find("inside");
  REQUIRE(!looped.has_value());
  CHECK(looped.error().context ==
        "can't open '/etc/group' in the container: Too many levels of symbolic links");
}

TEST_CASE("What isn't a regular file counts as empty, and blocks nobody") {
  const UsersRoot root;
  REQUIRE(::mkfifo(root.path("etc/passwd").c_str(), 0600) == 0);
  std::filesystem::create_directory(root.path("etc/group"));
  CHECK(root.find("5").value().user == 5);
  CHECK_FALSE(root.find("root").has_value());
}

TEST_CASE("Of a large file the lines of the first MiB are read") {
  const UsersRoot root;
  std::string passwd = "first:x:1:1::/:\n";
  passwd.append((1U << 20U) - passwd.size() - std::string("\nlast:x:2:2").size(), '#');
  passwd += "\nlast:x:2:2";
  REQUIRE(passwd.size() == 1U << 20U);
  root.write("etc/passwd", passwd + "345::/:\n");
  CHECK(root.find("first").value().user == 1);
  CHECK_FALSE(root.find("last").has_value());
}

}  // namespace bothy::container
