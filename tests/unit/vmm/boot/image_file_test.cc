#include "vmm/boot/image/image_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/unit/vmm/boot/boot_fixture.h"

namespace bothy::boot {
namespace {

// Removed with what is in it.
class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "bothy-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("A kernel that is not a regular file is refused without blocking") {
  const TestDirectory directory;
  const std::string fifo = directory.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  check_refused(request_for(fifo), ErrorCode::kBadInput, {fifo, "a FIFO", "regular file"});
  check_refused(request_for(directory.path()), ErrorCode::kBadInput, {"a directory"});
  check_refused(request_for("/dev/zero"), ErrorCode::kBadInput, {"a device"});
  check_refused(request_for(directory.path() / "none"), ErrorCode::kNotFound,
                {"can't open kernel"});
  check_refused(request_for(""), ErrorCode::kInvalid, {"kernel", "invalid path"});
  check_refused(request_for(std::string("/dev/zero\0x", 11)), ErrorCode::kInvalid,
                {"invalid path"});
}

TEST_CASE("A file that is not a kernel is refused with its type") {
  test::ByteVector arm64(64);
  const test::ByteVector magic = test::to_bytes("ARM\x64");
  std::copy(magic.begin(), magic.end(), arm64.begin() + 56);
  check_refused(arm64, ErrorCode::kBadInput, {"arm64 Linux kernel", "x86-64"});
  check_refused(test::to_bytes("#!/bin/sh\necho hello\n"), ErrorCode::kBadInput, {"a text file"});
  check_refused(test::to_bytes("070701 archive"), ErrorCode::kBadInput, {"a cpio archive"});
  check_refused(test::noise(5000), ErrorCode::kBadInput, {"data of an unknown type"});
  check_refused(test::to_bytes("\x89LZO then"), ErrorCode::kBadInput,
                {"lzop", "unpack the file first"});
  check_refused(test::ByteVector(), ErrorCode::kBadInput, {"is empty"});
  check_refused(test::ByteVector(1), ErrorCode::kBadInput, {"unknown type"});
}

TEST_CASE("Reads are checked against the file's size at opening") {
  const test::TestFile file(test::to_bytes("hello"));
  const auto image = ImageFile::open(file.path(), "kernel");
  REQUIRE(image.has_value());
  CHECK(image.value().size() == 5);
  test::ByteVector bytes(5);
  CHECK(image.value().read(0, bytes).has_value());
  CHECK(image.value().read(5, {}).has_value());
  CHECK(image.value().read(1, bytes).has_error());
  CHECK(image.value().read(~std::uint64_t{0}, bytes).has_error());
  CHECK(image.value().head(100).value().size() == 5);

  REQUIRE(::truncate(file.path().c_str(), 2) == 0);
  const auto cut = image.value().read(0, bytes);
  REQUIRE(cut.has_error());
  CHECK(cut.error().code == ErrorCode::kBadInput);
  CHECK(cut.error().context.find("was truncated") != std::string::npos);
}

TEST_CASE("Holes of a file are skipped, and everything else is read") {
  constexpr std::size_t kBlock = 64U << 10U;
  const TestDirectory directory;
  const std::string path = directory.path() / "sparse";
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(::ftruncate(fd.get(), 8 * kBlock) == 0);
  const std::vector<std::byte> written(kBlock, std::byte{0x5a});
  for (const std::size_t block : {1U, 2U, 5U}) {
    const auto at = static_cast<off_t>(block * kBlock);
    REQUIRE(::pwrite(fd.get(), written.data(), kBlock, at) == static_cast<ssize_t>(kBlock));
  }
  const auto file = ImageFile::open(path, "kernel");
  REQUIRE(file.has_value());

  // What isn't touched shows, since it isn't zero here.
  std::vector<std::byte> memory(6 * kBlock, std::byte{0xee});
  REQUIRE(file.value().read_over_zeros(kBlock / 2, memory).has_value());
  std::vector<std::byte> all(8 * kBlock);
  REQUIRE(file.value().read(0, all).has_value());
  for (std::size_t i = 0; i < memory.size(); ++i) {
    const std::byte expected = all[i + kBlock / 2];
    const bool untouched = memory[i] == std::byte{0xee} && expected == std::byte{0};
    if (memory[i] != expected && !untouched) {
      FAIL("byte " << i);
    }
  }
  const std::vector<std::byte> before(kBlock, std::byte{0xee});
  std::vector<std::byte> hole(kBlock, std::byte{0xee});
  REQUIRE(file.value().read_over_zeros(6 * kBlock, hole).has_value());
  CHECK((hole == before || hole == std::vector<std::byte>(kBlock)));
  CHECK(!file.value().read_over_zeros(7 * kBlock, memory).has_value());
}

}  // namespace bothy::boot
