#include "image/tree/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "base/files.h"
#include "image/tar/layer.h"
#include "image/tree/content_files.h"
#include "tests/support/catch.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temporary_directory.h"

using namespace bothy::image;
using namespace bothy::test;

namespace {

// With this process's own ids: others are mapped to them.
struct Fixture {
  TemporaryDirectory directory;
  Budget budget{Limits()};
  std::string content = directory / "content";
  std::string root = directory / "root";
  ContentFiles files{content};
  FileTree tree{budget, [this](const Inode& inode) { files.discard(inode); }};

  Fixture() {
    std::filesystem::create_directory(content);
    std::filesystem::create_directory(root);
  }
  // A mode of an image may lock its owner out.
  ~Fixture() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      if (entry.is_directory() && !entry.is_symlink()) {
        std::filesystem::permissions(entry, std::filesystem::perms::owner_all, ignored);
      }
    }
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  void apply(const std::string& archive) {
    MemorySource source(std::as_bytes(std::span(archive)));
    const auto applied = apply_layer(source, tree, files, budget);
    if (!applied) {
      FAIL(applied.error().context);
    }
  }
  bothy::Result<void> write() {
    const auto from = bothy::open_file(content, O_RDONLY | O_DIRECTORY);
    const auto to = bothy::open_file(root, O_RDONLY | O_DIRECTORY);
    return write_tree(tree, from.value().get(), to.value().get(),
                      {{{::geteuid(), ::geteuid(), 1}}, {{::getegid(), ::getegid(), 1}}});
  }
  [[nodiscard]] struct stat status(const std::string& path) const {
    struct stat status {};
    REQUIRE(::lstat((root + "/" + path).c_str(), &status) == 0);
    return status;
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    return content_of(root + "/" + path);
  }
};

}  // namespace

TEST_CASE("layers become a tree with modes, times, links and holes") {
  Fixture f;
  f.apply(TarBuilder()
              .directory("etc", {.mode = 0751, .mtime = 1'500'000'000})
              .file("etc/a", "first", {.mode = 0640, .mtime = 1'400'000'000, .nanoseconds = 5})
              .file("bin/su", "su", {.mode = 04711, .uid = 12, .gid = 13})
              .hard_link("bin/other", "bin/su")
              .file("empty", "")
              .hard_link("empty2", "empty")
              .symlink("link", "/etc/passwd")
              .hard_link("link2", "link")
              .sparse("holes", 1'000'000, 500'000, "middle")
              .done());
  f.apply(TarBuilder().file("etc/a", "second").done());
  REQUIRE(f.write());
  CHECK(f.text("etc/a") == "second");
  CHECK((f.status("etc").st_mode & 07777U) == 0751);
  CHECK(f.status("etc").st_mtim.tv_sec == 1'500'000'000);
  CHECK(f.text("bin/other") == "su");
  CHECK((f.status("bin/su").st_mode & 07777U) == 04711);
  CHECK(f.status("bin/su").st_ino == f.status("bin/other").st_ino);
  CHECK(f.status("empty").st_ino == f.status("empty2").st_ino);
  CHECK(f.status("link").st_ino == f.status("link2").st_ino);
  CHECK(std::filesystem::read_symlink(f.root + "/link") == "/etc/passwd");
  CHECK(f.text("holes").substr(500'000, 6) == "middle");
  CHECK(f.status("holes").st_size == 1'000'000);
  CHECK(f.status("holes").st_blocks * 512 < 100'000);
  // The content that a higher layer replaced is gone.
  CHECK(files_in(f.content) == 5);
  REQUIRE(bothy::remove_tree(f.content));
  CHECK(f.status("etc/a").st_nlink == 1);
  CHECK(f.status("bin/su").st_nlink == 2);
}

TEST_CASE("a path through a symbolic link stays in the tree") {
  Fixture f;
  const std::string outside = f.directory / "outside";
  std::filesystem::create_directory(outside);
  f.apply(TarBuilder().symlink("out", outside).symlink("up", "../..").done());
  f.apply(TarBuilder().file("out/file", "x").file("up/file", "y").done());
  REQUIRE(f.write());
  CHECK(files_in(outside) == 0);
  CHECK(f.text(outside.substr(1) + "/file") == "x");
  CHECK(f.text("file") == "y");
}

TEST_CASE("a directory without permissions has its entries") {
  Fixture f;
  f.apply(TarBuilder().directory("closed", {.mode = 0}).file("closed/file", "x").done());
  REQUIRE(f.write());
  CHECK((f.status("closed").st_mode & 07777U) == 0);
  REQUIRE(::chmod((f.root + "/closed").c_str(), 0700) == 0);
  CHECK(f.text("closed/file") == "x");
}

TEST_CASE("devices, and attributes that an overlay interprets, are left out") {
  Fixture f;
  f.apply(TarBuilder()
              .device("null", AE_IFCHR, 1, 3)
              .device("disk", AE_IFBLK, 8, 0)
              .device("fifo", AE_IFIFO, 0, 0)
              .file("a", "a", {.xattrs = {{"user.label", "v"}, {"user.overlay.opaque", "y"}}})
              .done());
  REQUIRE(f.write());
  CHECK(files_in(f.root) == 2);
  CHECK(S_ISFIFO(f.status("fifo").st_mode));
  char value = 0;
  const std::string file = f.root + "/a";
  CHECK(::getxattr(file.c_str(), "user.overlay.opaque", &value, 1) == -1);
  // A file system may have no attributes at all.
  CHECK((::getxattr(file.c_str(), "user.label", &value, 1) == 1 || errno == ENOTSUP));
}

TEST_CASE("directories that are too deep are refused") {
  Fixture f;
  std::string path;
  for (int i = 0; i < kMaxTreeDepth; ++i) {
    path += "d/";
  }
  f.apply(TarBuilder().file(path + "file", "x").done());
  SECTION("not quite") {
    CHECK(f.write());
  }
  SECTION("too deep") {
    f.apply(TarBuilder().file(path + "d/file", "x").done());
    const auto written = f.write();
    REQUIRE(written.has_error());
    CHECK(written.error().code == bothy::ErrorCode::kBadInput);
    CHECK(written.error().context.find("256") != std::string::npos);
  }
}

TEST_CASE("an owner that isn't mapped is nobody, or the first that is") {
  CHECK(mapped_owner({{0, 1000, 1}, {1, 100000, 65535}}, 0) == 0);
  CHECK(mapped_owner({{0, 1000, 1}, {1, 100000, 65535}}, 65535) == 65535);
  CHECK(mapped_owner({{0, 1000, 1}, {1, 100000, 65535}}, 65536) == 65534);
  CHECK(mapped_owner({{0, 1000, 1}}, 7) == 0);
  CHECK(mapped_owner({{1000, 1000, 1}}, 0) == 1000);
}
