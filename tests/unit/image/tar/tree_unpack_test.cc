#include "image/tar/tree_unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "tests/support/catch.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temporary_directory.h"

namespace bothy::image {
namespace {

namespace fs = std::filesystem;
using test::TarBuilder;

// A directory to unpack in, and one beside it that nothing may reach.
struct Fixture {
  Fixture() {
    fs::create_directory(inside);
    outside.write("file", "untouched");
  }

  [[nodiscard]] Result<void> unpack(const std::string& archive, const UnpackForm& form = {}) const {
    const UniqueFd root(::open(inside.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    MemorySource source(std::as_bytes(std::span(archive)));
    TarReader reader(source);
    BOTHY_TRY(const TarEntry* first, reader.next());
    REQUIRE(first != nullptr);
    return unpack_tree(reader, *first, root.get(), form);
  }
  [[nodiscard]] struct stat status(const std::string& name) const {
    struct stat status {};
    REQUIRE(::lstat((inside + "/" + name).c_str(), &status) == 0);
    return status;
  }

  test::TemporaryDirectory directory;
  test::TemporaryDirectory outside;
  const std::string inside = directory / "inside";
};

std::string raw(const std::string& name, char type = '0', const std::string& link = {}) {
  return test::raw_entry({.name = name, .type = type, .link = link});
}

}  // namespace

TEST_CASE("A tree is unpacked with modes and times, under another first name") {
  const Fixture f;
  const std::string archive = TarBuilder()
                                  .directory("tree", {.mode = 0555, .mtime = 1'000'000'000})
                                  .file("tree/file", "content", {.mode = 04751, .nanoseconds = 5})
                                  .directory("tree/deep")
                                  .file("tree/deep/file", "")
                                  .symlink("tree/link", "/nowhere")
                                  .device("tree/fifo", AE_IFIFO, 0, 0)
                                  .done();
  REQUIRE(f.unpack(archive, {.name = "other"}));
  CHECK(test::content_of(f.inside + "/other/file") == "content");
  CHECK((f.status("other/file").st_mode & 07777U) == 0751);
  CHECK(f.status("other/file").st_mtim.tv_sec == 1'600'000'000);
  CHECK(f.status("other/file").st_mtim.tv_nsec == 5);
  CHECK((f.status("other").st_mode & 07777U) == 0555);
  CHECK(f.status("other").st_mtim.tv_sec == 1'000'000'000);
  CHECK(f.status("other/link").st_mtim.tv_sec == 1'600'000'000);
  CHECK(fs::read_symlink(f.inside + "/other/link") == "/nowhere");
  CHECK(fs::is_fifo(f.inside + "/other/fifo"));
  CHECK(f.status("other/file").st_uid == ::geteuid());
  CHECK(test::files_in(f.inside) == 1);
  ::chmod((f.inside + "/other").c_str(), 0755);
}

TEST_CASE("Without a name, entries go into the directory itself, beside existing ones") {
  const Fixture f;
  ::chmod(f.inside.c_str(), 0710);
  fs::create_directory(f.inside + "/deep");
  ::chmod((f.inside + "/deep").c_str(), 0711);
  std::ofstream(f.inside + "/file") << "old";
  fs::create_symlink(f.outside / "file", f.inside + "/link");
  const std::string archive = TarBuilder()
                                  .directory("./", {.mode = 0777})
                                  .file("./file", "new")
                                  .file("./link", "new too")
                                  .directory("./deep", {.mode = 0777})
                                  .file("./deep/file", "x")
                                  .done();
  REQUIRE(f.unpack(archive));
  CHECK(test::content_of(f.inside + "/file") == "new");
  CHECK(test::content_of(f.inside + "/link") == "new too");
  CHECK(test::content_of(f.outside / "file") == "untouched");
  CHECK(test::content_of(f.inside + "/deep/file") == "x");
  CHECK((f.status("deep").st_mode & 0777U) == 0711);
  CHECK((f.status(".").st_mode & 0777U) == 0710);
}

TEST_CASE("Owners and set-ID bits are restored with UnpackForm::owners") {
  const Fixture f;
  const int uid = static_cast<int>(::geteuid());
  const bool root = uid == 0;
  const std::string archive =
      TarBuilder()
          .file("file", "x",
                {.mode = 04755, .uid = root ? 1234 : uid, .gid = static_cast<int>(::getegid())})
          .done();
  REQUIRE(f.unpack(archive, {.name = "file", .owners = true}));
  CHECK((f.status("file").st_mode & 07777U) == 04755);
  CHECK(f.status("file").st_uid == (root ? 1234U : ::geteuid()));
}

TEST_CASE("A hostile archive changes nothing outside of the directory") {
  const Fixture f;
  const std::string end = test::raw_end();
  const std::string top = raw("t/", '5');
  fs::create_symlink(f.outside.path(), f.inside + "/before");
  for (const std::string& entries :
       {raw("../escaped"), raw("t/../escaped"), raw("t/../../escaped"), raw("/../escaped"),
        // By a link of its own, to a directory and to a file, and by one that was there.
        raw("t/link", '2', f.outside.path()) + raw("t/link/escaped"),
        raw("t/link", '2', "..") + raw("t/link/escaped"),
        raw("t/link", '2', ".") + raw("t/link/escaped"), raw("t/before/escaped"),
        raw("t/before", '5'),
        // Hard links, devices, a directory over a link.
        raw("t/hard", '1', "t/before/file"), raw("t/hard", '1', f.outside / "file"),
        raw("t/device", '3'), raw("t/device", '4'), raw("t/nothing/file"), raw("t/x", 'Z')}) {
    CAPTURE(entries.substr(0, 40), entries.size());
    CHECK(f.unpack(top + entries + end).has_error());
    ::unlink((f.inside + "/link").c_str());
  }
  // A file where a link leads to replaces the link.
  REQUIRE(f.unpack(top + raw("t/link", '2', f.outside / "file") + raw("t/link") + end));
  CHECK(fs::is_regular_file(fs::symlink_status(f.inside + "/link")));
  CHECK(test::content_of(f.outside / "file") == "untouched");
  CHECK(test::files_in(f.outside.path()) == 1);
  CHECK(test::files_in(f.directory.path()) == 1);
}

TEST_CASE("A truncated file is as long as its data that arrived") {
  const Fixture f;
  CHECK(f.unpack(TarBuilder().sparse("hole", 1U << 30U, 4096, "x").done(), {.name = "hole"})
            .error()
            .code == ErrorCode::kUnsupported);
  const std::string cut = TarBuilder().file("cut", std::string(100'000, 'x')).done();
  CHECK(f.unpack(cut.substr(0, 50'000), {.name = "cut"}).error().code == ErrorCode::kBadInput);
  CHECK(fs::file_size(f.inside + "/cut") < 50'000);
  CHECK(f.unpack(TarBuilder().file("f", "x").done()).error().code == ErrorCode::kInvalid);
}

TEST_CASE("A directory is not replaced by a file, nor a file by a directory") {
  const Fixture f;
  fs::create_directory(f.inside + "/there");
  std::ofstream(f.inside + "/file") << "old";
  CHECK(f.unpack(TarBuilder().file("a", "x").done(), {.name = "there"}).has_error());
  CHECK(fs::is_directory(f.inside + "/there"));
  CHECK(f.unpack(TarBuilder().directory("a").done(), {.name = "file"}).has_error());
  CHECK(test::content_of(f.inside + "/file") == "old");
}

}  // namespace bothy::image
