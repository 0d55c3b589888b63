#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::image {

TEST_CASE("A printable name has no control characters") {
  CHECK(printable("plain caf\u00e9 \u20ac \U0001f600") == "plain caf\u00e9 \u20ac \U0001f600");
  CHECK(printable("\x1b[2J\x7f\n") == "\\x1b[2J\\x7f\\x0a");
  // C1: in UTF-8, by itself, and in ways that UTF-8 doesn't have.
  CHECK(printable("a\xc2\x9bz") == "a\\xc2\\x9bz");
  CHECK(printable("\x9b\x9b") == "\\x9b\\x9b");
  CHECK(printable("\xe0\x82\x9b") == "\\xe0\\x82\\x9b");
  CHECK(printable("\xf0\x80\x82\x9b") == "\\xf0\\x80\\x82\\x9b");
  CHECK(printable("\xe2\x82") == "\\xe2\\x82");
  CHECK(printable("\xc2\xa0") == "\xc2\xa0");
}

TEST_CASE("remove_tree() removes files, links and directories, and follows no link") {
  const test::TemporaryDirectory directory;
  directory.write("outside/kept", "kept");
  directory.write("tree/a/b/file", "text");
  directory.write("tree/file", "text");
  REQUIRE(::symlink((directory / "outside").c_str(), (directory / "tree/a/link").c_str()) == 0);
  REQUIRE(::mkfifo((directory / "tree/fifo").c_str(), 0600) == 0);
  CHECK(remove_tree(directory / "tree"));
  CHECK_FALSE(exists(directory / "tree"));
  CHECK(test::content_of(directory / "outside/kept") == "kept");
  REQUIRE(::symlink((directory / "outside").c_str(), (directory / "link").c_str()) == 0);
  CHECK(remove_tree(directory / "link"));
  CHECK(exists(directory / "outside/kept"));
  CHECK(remove_tree(directory / "outside/kept"));
  CHECK(remove_tree(directory / "missing"));
}

TEST_CASE("remove_tree() removes a tree of any depth") {
  const test::TemporaryDirectory directory;
  const std::string tree = directory / "tree";
  REQUIRE(::mkdir(tree.c_str(), 0700) == 0);
  // A name that is taken where a part of the tree is moved to.
  directory.write("tree/deep-0", "taken");
  {
    UniqueFd here(::open(tree.c_str(), O_RDONLY | O_DIRECTORY));
    for (int depth = 0; depth < 3000; ++depth) {
      REQUIRE(::mkdirat(here.get(), "d", 0700) == 0);
      here.reset(::openat(here.get(), "d", O_RDONLY | O_DIRECTORY));
    }
    const UniqueFd file(::openat(here.get(), "file", O_WRONLY | O_CREAT, 0600));
    REQUIRE(file);
  }
  CHECK(remove_tree(tree));
  CHECK_FALSE(exists(tree));
}

TEST_CASE("remove_tree() says what it couldn't remove and why, and removes the rest") {
  const test::TemporaryDirectory directory;
  directory.write("tree/a/z", "text");
  // rmdir(2) refuses this name.
  const auto removed = remove_tree(directory / "tree/.");
  REQUIRE_FALSE(removed);
  CHECK(removed.error().context.find("can't remove '") != std::string::npos);
  CHECK(removed.error().context.ends_with(": Invalid argument"));
  CHECK(exists(directory / "tree"));
  CHECK_FALSE(exists(directory / "tree/a"));
}

TEST_CASE("A descriptor becomes non-blocking and keeps its other flags") {
  const test::TemporaryDirectory directory;
  directory.write("file", "text");
  const UniqueFd fd(::open((directory / "file").c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
  const int before = ::fcntl(fd.get(), F_GETFL);
  REQUIRE((before & O_NONBLOCK) == 0);
  CHECK(set_nonblocking(fd.get()));
  CHECK(::fcntl(fd.get(), F_GETFL) == (before | O_NONBLOCK));
  const auto closed = set_nonblocking(-1);
  REQUIRE_FALSE(closed);
  CHECK(closed.error().context == "can't make descriptor -1 non-blocking: Bad file descriptor");
}

TEST_CASE("A file of the kernel is read to its end, which its size doesn't tell") {
  const std::string path = "/proc/self/cmdline";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto text = read_to_end(fd.get(), path);
  REQUIRE(text);
  CHECK(text.value().find("unit_base") != std::string::npos);
  const auto closed = read_to_end(-1, path);
  REQUIRE_FALSE(closed);
  CHECK(closed.error().context == "can't read /proc/self/cmdline: Bad file descriptor");
}

TEST_CASE("A replaced file has its new content and mode, and nothing is left beside it") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("file", "a longer text than the new one");
  const UniqueFd before(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(replace_file(path, "new", 0600));
  CHECK(test::content_of(path) == "new");
  CHECK(test::files_in(directory.path()) == 1);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(read_to_end(before.get(), path).value() == "a longer text than the new one");
  CHECK_FALSE(replace_file(directory / "missing/file", "new", 0600));
}

TEST_CASE("A long name is truncated") {
  CHECK(printable(std::string(300, 'x')) == std::string(200, 'x') + "...");
}

}  // namespace bothy::image
