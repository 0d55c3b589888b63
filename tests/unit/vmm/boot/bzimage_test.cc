#include "arch/boot/bzimage.h"

#include "tests/unit/vmm/boot/boot_fixture.h"

namespace bothy::boot {
namespace {

using test::ByteVector;
using test::BzImageFile;

constexpr std::uint64_t kBase = 0x1000000;

BzImageFile with_payload(std::string_view format = "gzip") {
  BzImageFile file;
  file.payload = test::kernel_payload(test::small_elf().build(), format);
  return file;
}

// The protected-mode kernel as it lies in the file.
ByteVector code_of(const ByteVector& image) {
  return {image.begin() + test::kSetupSize, image.end()};
}

// Says that a bzImage boots by its own entry, and why.
void check_own_entry(const BzImageFile& file, std::string_view reason) {
  GuestMemory memory = guest_memory();
  const BootEntry entry = load_good(file.build(), memory);
  INFO(entry.description);
  CHECK(entry.cpu.protocol == arch::EntryProtocol::kLinux64);
  CHECK(entry.cpu.address == kBase + 0x200);
  CHECK(holds(memory, kBase, code_of(file.build())));
  CHECK(entry.description.find(reason) != std::string::npos);
}

}  // namespace

TEST_CASE("A bzImage's payload is unpacked and entered directly, in every format") {
  for (const char* format : {"gzip", "xz", "lzma", "bzip2", "lz4-legacy", "zstd"}) {
    INFO(format);
    GuestMemory memory = guest_memory();
    const BootEntry entry = load_good(with_payload(format).build(), memory);
    const std::string name = std::string_view(format).substr(0, 3) == "lz4" ? "lz4" : format;
    CHECK(entry.description ==
          "Linux 6.1.192-test bzImage, " + name + " payload, booted directly through PVH");
    CHECK(entry.cpu.protocol == arch::EntryProtocol::kPvh);
    CHECK(entry.cpu.address == kBase + 0x40);
    CHECK(entry.kernel == MemoryRange{kBase, 0x3800});
    CHECK(holds(memory, kBase, test::small_elf().segments[0].content));
  }
}

TEST_CASE("A payload without a PVH note gets the zero page with the bzImage's header") {
  GuestMemory memory = guest_memory();
  test::ElfImage elf = test::small_elf();
  elf.pvh_entry.reset();
  BzImageFile file;
  file.header.root_flags = 0x1234;
  file.payload = test::kernel_payload(elf.build(), "zstd");
  const BootEntry entry = load_good(file.build(), memory);
  CHECK(entry.cpu.protocol == arch::EntryProtocol::kLinux64);
  CHECK(entry.cpu.address == kBase);
  CHECK(+memory.read<boot_params>(layout::kZeroPage)->hdr.root_flags == 0x1234);
}

TEST_CASE("A bzImage unpacks itself on request") {
  GuestMemory memory = guest_memory();
  const ByteVector image = with_payload().build();
  const test::TestFile file(image);
  BootRequest request = request_for(file.path());
  request.options.unpack = false;
  const BootEntry entry = load_good(request, memory);
  CHECK(entry.cpu.protocol == arch::EntryProtocol::kLinux64);
  CHECK(entry.cpu.address == kBase + 0x200);
  CHECK(entry.cpu.boot_info == layout::kZeroPage);
  CHECK(entry.kernel == MemoryRange{kBase, 0x400000});
  CHECK(holds(memory, kBase, code_of(image)));
  const auto page = memory.read<boot_params>(layout::kZeroPage);
  CHECK(+page->hdr.code32_start == kBase);
  CHECK(+page->hdr.init_size == 0x400000);
}

TEST_CASE("A bzImage without a 64-bit entry is entered by its 32-bit one") {
  GuestMemory memory = guest_memory();
  BzImageFile file;
  file.header.xloadflags = 0;
  const BootEntry entry = load_good(file.build(), memory);
  CHECK(entry.cpu.protocol == arch::EntryProtocol::kLinux32);
  CHECK(entry.cpu.address == kBase);
}

TEST_CASE("A payload that can't be entered directly falls back to the kernel's own entry") {
  BzImageFile file;
  check_own_entry(file, "has no payload");
  file.payload = test::to_bytes("\x89LZO and what follows");
  check_own_entry(file, "lzop");
  file.payload = test::noise(1000);
  check_own_entry(file, "can't be unpacked");
  file.payload = test::kernel_payload(test::noise(100000), "xz");
  check_own_entry(file, "its payload holds data");
  test::ElfImage elf = test::small_elf();
  elf.segments[0].address = 0x1000;
  file.payload = test::kernel_payload(elf.build(), "zstd");
  check_own_entry(file, "below 0x100000");
}

TEST_CASE("A damaged payload is an error") {
  BzImageFile file = with_payload("xz");
  std::fill(file.payload.begin() + 1000, file.payload.begin() + 2000, std::byte{0x55});
  check_refused(file.build(), ErrorCode::kBadInput, {"damaged", "xz"});
  file = with_payload("gzip");
  file.payload.resize(3000);
  check_refused(file.build(), ErrorCode::kBadInput, {"damaged", "gzip"});
}

TEST_CASE("The version string is that of the kernel, or left out") {
  GuestMemory memory = guest_memory();
  BzImageFile file = with_payload();
  file.version = "";
  CHECK(load_good(file.build(), memory).description ==
        "bzImage, gzip payload, booted directly through PVH");
  file.header.kernel_version = 0xffff;
  GuestMemory second = guest_memory();
  CHECK(load_good(file.build(), second).description.starts_with("bzImage,"));
  file.header.kernel_version = 0;
  file.version = "6.1\x1b[31m evil";
  GuestMemory third = guest_memory();
  CHECK(load_good(file.build(), third).description.starts_with("Linux 6.1 bzImage"));
}

TEST_CASE("A bzImage is loaded at its preferred address, aligned") {
  GuestMemory memory = guest_memory();
  BzImageFile file;
  file.header.pref_address = 0x1000001;
  CHECK(load_good(file.build(), memory).cpu.address == 0x1200200);
  // Without an own wish (before protocol 2.10): at 1 MiB.
  file.header.version = 0x209;
  file.header.relocatable_kernel = 0;
  GuestMemory second = guest_memory();
  const BootEntry entry = load_good(file.build(), second);
  CHECK(entry.cpu.protocol == arch::EntryProtocol::kLinux32);
  CHECK(entry.cpu.address == layout::kHighMemory);
}

TEST_CASE("A bzImage that does not fit is refused with the memory that it needs") {
  BzImageFile file;
  file.header.init_size = 64 << 20;
  check_refused(file.build(), ErrorCode::kExhausted, {"--memory", "80 MiB"});
  GuestMemory memory = guest_memory(80);
  load_good(file.build(), memory);
}

TEST_CASE("A bzImage truncated anywhere is refused") {
  const ByteVector image = with_payload().build();
  for (const std::size_t size :
       {0x210UL, 0x260UL, 0x300UL, 2559UL, 2560UL, 3000UL, image.size() - 16}) {
    INFO(size);
    check_refused(ByteVector(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size)),
                  ErrorCode::kBadInput, {"truncated"});
  }
}

TEST_CASE("An invalid bzImage header is refused") {
  const auto refused = [](auto&& change, std::initializer_list<std::string_view> words) {
    BzImageFile file = with_payload();
    change(file.header);
    check_refused(file.build(), ErrorCode::kBadInput, words);
  };
  refused([](setup_header& h) { h.syssize = 0xffffffff; }, {"truncated"});
  refused([](setup_header& h) { h.setup_sects = 255; }, {"truncated"});
  refused([](setup_header& h) { h.payload_offset = h.payload_length = 0xffffffff; },
          {"damaged", "compressed kernel"});
  refused([](setup_header& h) { h.payload_offset = 16, h.payload_length = 1U << 20U; },
          {"damaged", "compressed kernel"});
  refused([](setup_header& h) { h.init_size = 0xffffffff; }, {"damaged", "low memory"});
  refused([](setup_header& h) { h.pref_address = ~0ULL; }, {"damaged", "low memory"});
  refused(
      [](setup_header& h) {
        h.pref_address = 0x8000;
        h.kernel_alignment = 0x1000;
      },
      {"damaged", "below 1 MiB"});
  refused([](setup_header& h) { h.kernel_alignment = 0; }, {"damaged", "power of two"});
  refused([](setup_header& h) { h.kernel_alignment = 0x300000; }, {"damaged", "power of two"});
  refused([](setup_header& h) { h.loadflags = 0; }, {"zImage"});
  refused([](setup_header& h) { h.version = 0x205; }, {"2.05", "2.6.22"});
  refused([](setup_header& h) { h.jump = 0x01eb; }, {"too short"});
}

}  // namespace bothy::boot
