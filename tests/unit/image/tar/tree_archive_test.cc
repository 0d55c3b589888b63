#include "image/tar/tree_archive.h"

#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "image/tar/reader.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::image {
namespace {

namespace fs = std::filesystem;

// Entries of the archive by their names.
std::map<std::string, TarEntry> archive(const std::string& path, const ArchiveForm& form) {
  std::string bytes;
  const auto packed = archive_path(path, form, {}, [&](Bytes piece) -> Result<void> {
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return success();
  });
  REQUIRE(packed);
  std::map<std::string, TarEntry> entries;
  MemorySource source(std::as_bytes(std::span(bytes)));
  TarReader reader(source);
  for (const TarEntry* entry = reader.next().value(); entry != nullptr;
       entry = reader.next().value()) {
    entries[entry->path] = *entry;
  }
  return entries;
}

}  // namespace

TEST_CASE("A directory is archived under another name, or only its entries") {
  const test::TemporaryDirectory directory;
  directory.write("tree/deep/file", "x");
  fs::create_symlink("deep", directory / "tree/link");
  const auto named = archive(directory / "tree", {.name = "other"});
  CHECK(named.size() == 4);
  CHECK(named.at("other/").type == FileType::kDirectory);
  CHECK(named.at("other/deep/file").size == 1);
  CHECK(named.at("other/link").link == "deep");
  const auto content = archive(directory / "tree/.", {});
  CHECK(content.size() == 3);
  CHECK(content.contains("deep/file"));
}

TEST_CASE("A file is archived alone, a link as a link or as its target") {
  const test::TemporaryDirectory directory;
  const std::string file = directory.write("file", "four");
  ::chmod(file.c_str(), 0640);
  fs::create_symlink("file", directory / "link");
  const auto plain = archive(file, {.name = "name"});
  REQUIRE(plain.size() == 1);
  CHECK(plain.at("name").size == 4);
  CHECK(plain.at("name").attributes.permissions == 0640);
  CHECK(plain.at("name").attributes.uid == ::geteuid());
  CHECK(archive(directory / "link", {.name = "l"}).at("l").type == FileType::kSymlink);
  CHECK(archive(directory / "link", {.name = "l", .follow = true}).at("l").size == 4);
  CHECK(archive(file, {.name = "name", .as_root = true}).at("name").attributes.uid == 0);
}

TEST_CASE("archive_path() writes the holes of a file as zeros") {
  const test::TemporaryDirectory directory;
  const std::string file = directory.write("file", "x");
  REQUIRE(::truncate(file.c_str(), 1 << 20) == 0);
  std::size_t bytes = 0;
  REQUIRE(archive_path(file, {.name = "file"}, {}, [&](Bytes piece) -> Result<void> {
    bytes += piece.size();
    return success();
  }));
  CHECK(bytes > 1U << 20U);
}

TEST_CASE("Files that can't be archived are reported") {
  const test::TemporaryDirectory directory;
  const auto sink = [](Bytes) -> Result<void> { return success(); };
  CHECK(archive_path(directory / "nothere", {}, {}, sink).error().code == ErrorCode::kNotFound);
  REQUIRE(::mknod((directory / "socket").c_str(), S_IFSOCK | 0600, 0) == 0);
  CHECK(archive_path(directory / "socket", {.name = "s"}, {}, sink).error().code ==
        ErrorCode::kUnsupported);
}

}  // namespace bothy::image
