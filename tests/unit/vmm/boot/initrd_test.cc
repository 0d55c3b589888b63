#include "vmm/boot/initrd.h"

#include <sys/mman.h>

#include "tests/unit/vmm/boot/boot_fixture.h"

namespace bothy::boot {
namespace {

using test::ByteVector;
using test::TestFile;

// A small kernel together with these initrds.
struct Setup {
  TestFile kernel{test::small_elf().build()};
  BootRequest request = request_for(kernel.path());

  // NOLINTNEXTLINE(google-explicit-constructor): the braces at its use say what it is made of
  explicit Setup(std::initializer_list<std::string> initrds) { request.initrds = initrds; }
};

ByteVector archive(std::size_t size, std::uint32_t seed = 1) {
  ByteVector bytes = test::noise(size, seed);
  const ByteVector magic = test::to_bytes("070701");
  std::copy(magic.begin(), magic.end(), bytes.begin());
  return bytes;
}

}  // namespace

TEST_CASE("An initrd is at the top of RAM, page-aligned") {
  GuestMemory memory = guest_memory();
  const TestFile file(archive(5000));
  const Setup setup({file.path()});
  const BootEntry entry = load_good(setup.request, memory);
  CHECK(entry.initrd == MemoryRange{64 * layout::kMiB - 8192, 5000});
  CHECK(holds(memory, entry.initrd.start, archive(5000)));
}

TEST_CASE("Several initrds are concatenated, each at a multiple of four bytes") {
  GuestMemory memory = guest_memory();
  const TestFile first(archive(4097, 1));
  const TestFile second(archive(10, 2));
  const TestFile third(archive(8, 3));
  const Setup setup({first.path(), second.path(), third.path()});
  const BootEntry entry = load_good(setup.request, memory);
  CHECK(entry.initrd.size == 4100 + 12 + 8);
  CHECK(holds(memory, entry.initrd.start, archive(4097, 1)));
  CHECK(is_zero(memory, entry.initrd.start + 4097, 3));
  CHECK(holds(memory, entry.initrd.start + 4100, archive(10, 2)));
  CHECK(is_zero(memory, entry.initrd.start + 4110, 2));
  CHECK(holds(memory, entry.initrd.start + 4112, archive(8, 3)));
}

TEST_CASE("An initrd ends below the kernel's limit") {
  GuestMemory memory = guest_memory();
  test::BzImageFile image;
  image.header.initrd_addr_max = 0x2ffffff;
  const TestFile kernel(image.build());
  const TestFile file(archive(5000));
  BootRequest request = request_for(kernel.path());
  request.initrds = {file.path()};
  CHECK(load_good(request, memory).initrd.start == 0x3000000 - 8192);
  image.header.initrd_addr_max = 0x1000000;
  const TestFile low(image.build());
  request.kernel = low.path();
  check_refused(request, ErrorCode::kExhausted, {"can reach", "0.0 MiB"});
}

TEST_CASE("An initrd that does not fit is refused with the sizes and the memory needed") {
  const TestFile file(archive(3 * layout::kMiB));
  const Setup setup({file.path()});
  check_refused(setup.request, ErrorCode::kExhausted, {"3.0 MiB", "2.0 MiB", "--memory", "20 MiB"},
                18);
  GuestMemory memory = guest_memory(20);
  load_good(setup.request, memory);
}

TEST_CASE("A sparse file of the maximum size is refused") {
  const UniqueFd fd(::memfd_create("bothy-test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(fd.get(), std::numeric_limits<off_t>::max()) == 0);
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  const Setup setup({path, path, path});
  check_refused(setup.request, ErrorCode::kExhausted, {"initrd doesn't fit"});
}

TEST_CASE("A file that can't be an initrd is refused with its type") {
  const auto refused = [](const ByteVector& content,
                          std::initializer_list<std::string_view> words) {
    const TestFile file(content);
    const Setup setup({file.path()});
    check_refused(setup.request, ErrorCode::kBadInput, words);
  };
  refused({}, {"initrd /proc", "empty"});
  refused(test::to_bytes("hello\nworld\n"), {"a text file", "cpio"});
  refused(test::small_elf().build(), {"an ELF file"});
  refused(test::BzImageFile().build(), {"bzImage"});
  refused(test::to_bytes("070707000001"), {"old format", "-H newc"});
  const Setup missing({"/nowhere/initrd"});
  check_refused(missing.request, ErrorCode::kNotFound, {"can't open initrd /nowhere/initrd"});
}

}  // namespace bothy::boot
