#include "guest/init/tar.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "guest/init/tar_format.h"
#include "tests/support/catch.h"

using namespace bothy::init;
namespace fs = std::filesystem;

namespace {

// A directory of this test's own, gone with it.
class Scratch {
 public:
  Scratch() {
    std::string path = (fs::temp_directory_path() / "bothy-tar-XXXXXX").string();
    REQUIRE(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~Scratch() { fs::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string pack(const fs::path& what, int& error) {
  const Scratch scratch;
  const fs::path file = scratch.path() / "tar";
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CopyResult result;
  pack_tar(fd, what.c_str(), result);
  close(fd);
  error = result.error;
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int unpack(const std::string& archive, const fs::path& where) {
  const Scratch scratch;
  const fs::path file = scratch.path() / "tar";
  std::ofstream(file, std::ios::binary) << archive;
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  CopyResult result;
  unpack_tar(fd, where.c_str(), result);
  close(fd);
  return result.error;
}

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// One file's header, with what a test wants wrong in it.
std::string entry(const std::string& name, char type, const std::string& data = "",
                  const std::string& link = "") {
  TarHeader header{};
  name.copy(header.name, sizeof header.name);
  link.copy(header.link, sizeof header.link);
  std::snprintf(header.mode, sizeof header.mode, "%07o", 0644U);
  std::snprintf(header.uid, sizeof header.uid, "%07o", getuid());
  std::snprintf(header.gid, sizeof header.gid, "%07o", getgid());
  std::snprintf(header.size, sizeof header.size, "%011zo", data.size());
  std::snprintf(header.mtime, sizeof header.mtime, "%011o", 1U);
  header.type = type;
  std::memcpy(header.magic, "ustar\00000", 8);
  std::snprintf(header.checksum, sizeof header.checksum, "%06o", tar_checksum(header));
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += data;
  bytes.resize((bytes.size() + kTarBlock - 1) / kTarBlock * kTarBlock);
  return bytes;
}

const std::string kEnd(2 * kTarBlock, '\0');

}  // namespace

TEST_CASE("a tree is the same when it was packed and unpacked") {
  const Scratch from;
  const Scratch to;
  const fs::path tree = from.path() / "tree";
  const std::string name(200, 'n');
  fs::create_directories(tree / name / name);
  std::ofstream(tree / name / name / name, std::ios::binary) << std::string(100000, 'x');
  std::ofstream(tree / "block", std::ios::binary) << std::string(kTarBlock, 'y');
  std::ofstream empty(tree / "empty");
  empty.close();
  fs::create_symlink(std::string(300, 'l'), tree / "link");
  fs::create_symlink("/nowhere", tree / "dangling");
  REQUIRE(mkfifo((tree / "fifo").c_str(), 0600) == 0);
  fs::permissions(tree / "block", fs::perms(0741));
  int error = 0;
  const std::string archive = pack(tree, error);
  REQUIRE(error == 0);
  REQUIRE(unpack(archive, to.path()) == 0);
  CHECK(content(to.path() / "tree" / name / name / name) == std::string(100000, 'x'));
  CHECK(content(to.path() / "tree" / "block") == std::string(kTarBlock, 'y'));
  CHECK(fs::file_size(to.path() / "tree" / "empty") == 0);
  CHECK(fs::read_symlink(to.path() / "tree" / "link") == std::string(300, 'l'));
  CHECK(fs::read_symlink(to.path() / "tree" / "dangling") == "/nowhere");
  CHECK(fs::is_fifo(to.path() / "tree" / "fifo"));
  CHECK(fs::status(to.path() / "tree" / "block").permissions() == fs::perms(0741));
  // Over itself: files are replaced, directories stay.
  CHECK(unpack(archive, to.path()) == 0);
  // The directory's content alone, by the name that Docker has for it.
  CHECK(pack(tree.string() + "/.", error).starts_with("./"));
  CHECK(pack("/nonexistent", error).empty());
  CHECK(error == ENOENT);
}

TEST_CASE("an archive that ends anywhere but at its end is refused") {
  const Scratch to;
  const std::string archive = entry("a", '0', std::string(700, 'a')) + entry("b", '5') + kEnd;
  for (std::size_t size = 0; size + kEnd.size() <= archive.size(); size += 100) {
    CAPTURE(size);
    CHECK(unpack(archive.substr(0, size), to.path()) != 0);
  }
  CHECK(unpack(archive, to.path()) == 0);
}

TEST_CASE("what leads out of the directory, or is no tar, is refused") {
  const Scratch scratch;
  const fs::path inside = scratch.path() / "in";
  fs::create_directory(inside);
  for (const char* name : {"../out", "a/../../out", "/../out", ".."}) {
    CAPTURE(name);
    CHECK(unpack(entry(name, '0', "x") + kEnd, inside) == EINVAL);
  }
  CHECK_FALSE(fs::exists(scratch.path() / "out"));
  CHECK(unpack(entry("/absolute", '0', "x") + kEnd, inside) == 0);
  CHECK(fs::exists(inside / "absolute"));
  CHECK(unpack(entry("device", 'Z') + kEnd, inside) == EOPNOTSUPP);
  CHECK(unpack(std::string(4096, 'x'), inside) == EINVAL);
  std::string wrong_sum = entry("sum", '0', "x") + kEnd;
  wrong_sum[0] = 'S';
  CHECK(unpack(wrong_sum, inside) == EINVAL);
  CHECK(unpack(kEnd, scratch.path() / "nothing") == ENOENT);
}

TEST_CASE("pax records that are cut or lie about their length are refused") {
  const Scratch to;
  const auto after = [&](const std::string& records) {
    return unpack(entry("pax", 'x', records) + entry("short", '0', "x") + kEnd, to.path());
  };
  CHECK(after("16 path=longer\n") == EINVAL);
  CHECK(after("15 path=longer\n") == 0);
  CHECK(fs::exists(to.path() / "longer"));
  for (const char* bad : {"", "5", "0 a=b\n", "1 a=b\n", "2 a=b\n", "3 a=b\n", "999999999999 a=b\n",
                          "-1 a=b\n", " a=b\n", "6 a=b", "1048576 a=b\n"}) {
    CAPTURE(bad);
    CHECK(after(bad) == (*bad == '\0' ? 0 : EINVAL));
  }
}

TEST_CASE("no bytes at all bring the reader of archives down") {
  const Scratch to;
  std::mt19937 random(4);
  const std::string good = entry("pax", 'x', "15 path=longer\n") + entry("a", '0', "data") +
                           entry("L", 'L', "a long name") + entry("b", '2', "", "a") + kEnd;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) {
      const std::size_t block = random() % 6 * kTarBlock;
      bytes[block + random() % 200] = static_cast<char>(random());
      // Most changes would end at the sum otherwise.
      TarHeader header;
      std::memcpy(&header, bytes.data() + block, sizeof header);
      std::snprintf(header.checksum, sizeof header.checksum, "%06o", tar_checksum(header));
      std::memcpy(bytes.data() + block, &header, sizeof header);
    }
    const int error = unpack(bytes, to.path());
    CHECK(error >= 0);
  }
}
