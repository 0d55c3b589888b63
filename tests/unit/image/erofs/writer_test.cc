// The image that ErofsWriter makes, read back by the rules of the format. That Linux agrees is for
// tests/system/image.sh.
#include "image/erofs/writer.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <cstring>

#include "image/erofs/directory.h"
#include "image/erofs/layout.h"
#include "tests/support/catch.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temporary_file.h"

using namespace bothy::image;
using namespace bothy::test;

namespace {

// Makes a disk of layers and reads it.
struct DiskFixture {
  TemporaryFile file{0};
  std::string image;

  explicit DiskFixture(const std::vector<std::string>& layers) {
    ErofsWriter writer(file.fd(), file.path());
    Budget budget{Limits()};
    FileTree tree(budget, [&](const Inode& inode) { writer.discard(inode); });
    for (const std::string& layer : layers) {
      MemorySource source(std::as_bytes(std::span(layer)));
      const auto applied = apply_layer(source, tree, writer, budget);
      REQUIRE(applied.has_value());
    }
    const auto finished = writer.finish(tree, digest_of("identity"));
    REQUIRE(finished.has_value());
    image = file.read(0, 64U << 20U);
  }

  template <class T>
  T load(std::uint64_t offset) const {
    T value;
    REQUIRE(offset + sizeof(T) <= image.size());
    std::memcpy(&value, image.data() + offset, sizeof(T));
    return value;
  }
  [[nodiscard]] erofs::Superblock super() const {
    return load<erofs::Superblock>(erofs::kSuperblockOffset);
  }
  [[nodiscard]] std::uint64_t place(std::uint64_t nid) const {
    return std::uint64_t{super().meta_block} * erofs::kBlock + nid * erofs::kSlot;
  }
  [[nodiscard]] erofs::ExtendedInode inode(std::uint64_t nid) const {
    return load<erofs::ExtendedInode>(place(nid));
  }
  [[nodiscard]] std::string content(std::uint64_t nid) const {
    const erofs::ExtendedInode disk = inode(nid);
    std::uint64_t start = std::uint64_t{disk.block_or_device} * erofs::kBlock;
    if (disk.format == erofs::kInline) {
      start = place(nid) + sizeof(disk) + attributes_size(disk);
      CHECK(start / erofs::kBlock == (start + disk.size - 1) / erofs::kBlock);
    }
    REQUIRE(start + disk.size <= image.size());
    return image.substr(start, disk.size);
  }
  static std::size_t attributes_size(const erofs::ExtendedInode& disk) {
    return disk.xattr_count == 0 ? 0 : 12 + 4 * (disk.xattr_count - 1U);
  }
  // Name to number, as readdir would find them; checks their order.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> entries(
      std::uint64_t nid) const {
    std::vector<std::pair<std::string, std::uint64_t>> result;
    const std::string blocks = content(nid);
    for (std::size_t start = 0; start < blocks.size(); start += erofs::kBlock) {
      const std::string block = blocks.substr(start, erofs::kBlock);
      erofs::DirectoryEntry first{};
      std::memcpy(&first, block.data(), sizeof(first));
      const std::size_t count = first.name_offset / sizeof(first);
      for (std::size_t i = 0; i < count; ++i) {
        erofs::DirectoryEntry entry{};
        erofs::DirectoryEntry next{};
        std::memcpy(&entry, block.data() + i * sizeof(entry), sizeof(entry));
        if (i + 1 < count) {
          std::memcpy(&next, block.data() + (i + 1) * sizeof(entry), sizeof(entry));
        }
        const std::size_t end = i + 1 < count ? next.name_offset : block.size();
        std::string name = block.substr(entry.name_offset, end - entry.name_offset);
        name.resize(std::strlen(name.c_str()));
        CHECK((result.empty() || result.back().first < name));
        result.emplace_back(name, entry.nid);
      }
    }
    return result;
  }
  [[nodiscard]] std::uint64_t find(const std::string& path) const {
    std::uint64_t nid = super().root_nid;
    for (std::size_t start = 0; start <= path.size();) {
      const std::size_t end = std::min(path.find('/', start), path.size());
      const std::string name = path.substr(start, end - start);
      start = end + 1;
      bool found = false;
      for (const auto& [each, number] : entries(nid)) {
        if (each == name) {
          nid = number;
          found = true;
          break;
        }
      }
      REQUIRE(found);
    }
    return nid;
  }
};

}  // namespace

TEST_CASE("the superblock describes the file system") {
  const DiskFixture disk({TarBuilder().file("a/b", "content").done()});
  const erofs::Superblock super = disk.super();
  CHECK(super.magic == 0xe0f5e1e2);
  CHECK(super.inodes == 3);
  CHECK(super.feature_incompat == 0);
  CHECK(super.blocks * erofs::kBlock == disk.image.size());
  CHECK((super.uuid[6] & 0xf0) == 0x80);
  std::string block = disk.image.substr(1024, 3072);
  block.replace(4, 4, 4, '\0');
  CHECK(crc32c(~0U, std::as_bytes(std::span(block))) == super.checksum);
}

TEST_CASE("files have their content and attributes") {
  const std::string large(10'000, 'L');
  const DiskFixture disk(
      {TarBuilder()
           .directory("d", {.mode = 01777, .uid = 5, .gid = 6})
           .file("d/f", "content",
                 {.mode = 06755, .uid = 100'000, .gid = 7, .mtime = 5, .nanoseconds = 9})
           .file("d/large", large)
           .file("d/empty", "", {.mtime = -5})
           .symlink("d/s", "target")
           .device("d/c", AE_IFCHR, 10, 0x12345)
           .device("d/p", AE_IFIFO, 0, 0)
           .hard_link("d/h", "d/f")
           .sparse("d/sparse", 300'000, 200'000, "data")
           .done()});
  const erofs::ExtendedInode f = disk.inode(disk.find("d/f"));
  CHECK(disk.content(disk.find("d/f")) == "content");
  CHECK(f.mode == (S_IFREG | 06755));
  CHECK(f.uid == 100'000);
  CHECK(f.gid == 7);
  CHECK(f.mtime == 5);
  CHECK(f.mtime_nsec == 9);
  CHECK(f.links == 2);
  CHECK(disk.inode(disk.find("d/empty")).mtime == -5);
  CHECK(disk.find("d/h") == disk.find("d/f"));
  CHECK(disk.content(disk.find("d/large")) == large);
  CHECK(disk.inode(disk.find("d/empty")).size == 0);
  CHECK(disk.content(disk.find("d/s")) == "target");
  CHECK(disk.inode(disk.find("d/c")).block_or_device == (0x45U | 10U << 8U | 0x12300U << 12U));
  CHECK(disk.inode(disk.find("d/p")).mode == (S_IFIFO | 0644));
  const std::string sparse = disk.content(disk.find("d/sparse"));
  CHECK(sparse.size() == 300'000);
  CHECK(sparse.substr(200'000, 4) == "data");
  CHECK(sparse.find_first_not_of('\0') == 200'000);
  CHECK(disk.inode(disk.find("d")).links == 2);
  CHECK(disk.inode(disk.super().root_nid).links == 3);
  CHECK(disk.find("d/..") == disk.super().root_nid);
}

TEST_CASE("extended attributes are stored behind the inode") {
  const std::string value(5000, 'v');
  const DiskFixture disk({TarBuilder()
                              .file("f", "x",
                                    {.xattrs = {{"security.capability", "cap"},
                                                {"user.big", value},
                                                {"system.posix_acl_access", "acl!"}}})
                              .symlink("s", "t")
                              .done()});
  const std::uint64_t nid = disk.find("f");
  const erofs::ExtendedInode inode = disk.inode(nid);
  const std::string body =
      disk.image.substr(disk.place(nid) + 64, DiskFixture::attributes_size(inode));
  REQUIRE(body.size() > 5000);
  const auto entry = [](std::uint8_t index, const std::string& name, const std::string& content) {
    std::string text{static_cast<char>(name.size()), static_cast<char>(index),
                     static_cast<char>(content.size() & 0xffU),
                     static_cast<char>(content.size() >> 8U)};
    text += name + content;
    text.resize((text.size() + 3) / 4 * 4);
    return text;
  };
  CHECK(body.substr(12) ==
        entry(6, "capability", "cap") + entry(2, "", "acl!") + entry(1, "big", value));
  CHECK(disk.content(disk.find("s")) == "t");
}

TEST_CASE("directories of any size, with names that sort before \".\"") {
  TarBuilder builder;
  for (int i = 0; i < 1000; ++i) {
    builder.file("big/" + std::to_string(i) + std::string(static_cast<std::size_t>(i) % 200, 'n'),
                 "");
  }
  builder.file("odd/!", "1").file("odd/-x", "2").file("odd/\xff", "3").file("odd/...", "4");
  const DiskFixture disk({builder.done()});
  CHECK(disk.entries(disk.find("big")).size() == 1002);
  CHECK(disk.entries(disk.find("odd")).size() == 6);
  CHECK(disk.content(disk.find("odd/!")) == "1");
}

TEST_CASE("content hidden by higher layers becomes a hole") {
  const std::string secret(100'000, 'S');
  const DiskFixture disk({TarBuilder().file("a", secret).file("b", "kept").done(),
                          TarBuilder().file(".wh.a", "").done()});
  CHECK(disk.image.find("SSSS") == std::string::npos);
  CHECK(disk.content(disk.find("b")) == "kept");
}

TEST_CASE("the same layers give the same bytes") {
  const std::vector<std::string> layers{
      TarBuilder().file("x/a", "1").file("x/b", "2").symlink("x/c", "a").done(),
      TarBuilder().file("x/.wh.a", "").file("y", std::string(5000, 'y')).done()};
  CHECK(DiskFixture(layers).image == DiskFixture(layers).image);
}

TEST_CASE("fsck.erofs, where installed, finds no errors") {
  if (std::system("command -v fsck.erofs >/dev/null") != 0) {
    WARN("no fsck.erofs");
    return;
  }
  const DiskFixture disk({TarBuilder()
                              .file("a/b", std::string(9000, 'b'))
                              .symlink("l", "a/b")
                              .hard_link("h", "a/b")
                              .file("e", "")
                              .done()});
  CHECK(std::system(("fsck.erofs " + disk.file.path() + " >/dev/null 2>&1").c_str()) == 0);
}
