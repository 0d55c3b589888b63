#include "run/scratch_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {

TEST_CASE("A scratch disk is an ext4 file system, made by a confined mke2fs") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "scratch";
  constexpr std::uint64_t kSize = 16U << 20U;
  const auto made = make_scratch_disk(path, kSize);
  if (!made && made.error().code == ErrorCode::kUnsupported) {
    WARN("no mke2fs here");
    return;
  }
  if (!made) {
    FAIL(made.error().context);
  }
  CHECK(std::filesystem::file_size(path) == kSize);
  std::array<unsigned char, 2> magic{};
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(::pread(fd.get(), magic.data(), magic.size(), 0x438) == 2);
  CHECK((magic[0] == 0x53 && magic[1] == 0xef));
  const auto again = make_scratch_disk(path, kSize);
  CHECK(again.has_error());
}

}  // namespace bothy::run
