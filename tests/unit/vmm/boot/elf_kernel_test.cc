#include "vmm/boot/image/elf_kernel.h"

#include "tests/unit/vmm/boot/boot_fixture.h"

namespace bothy::boot {
namespace {

using test::ByteVector;
using test::ElfImage;
using test::poke;
using test::small_elf;

constexpr std::uint64_t kBase = 0x1000000;
constexpr std::uint64_t kMax = ~std::uint64_t{0};

// A small ELF, one field of its segment's program header overwritten.
template <class T>
ByteVector with_segment_field(std::size_t field, T value) {
  ByteVector image = small_elf().build();
  poke(image, ElfImage::header_offset(0) + field, value);
  return image;
}

template <class T>
ByteVector with_header_field(std::size_t field, T value) {
  ByteVector image = small_elf().build();
  poke(image, field, value);
  return image;
}

constexpr std::string_view kText = "a driver's text";
constexpr std::size_t kSize = 3 * layout::kMiB + 5;

}  // namespace

TEST_CASE("An ELF kernel with a PVH note is entered through it") {
  GuestMemory memory = guest_memory();
  const ElfImage elf = small_elf();
  const BootEntry entry = load_good(elf.build(), memory);
  CHECK(entry.cpu.protocol == arch::EntryProtocol::kPvh);
  CHECK(entry.cpu.address == kBase + 0x40);
  CHECK(entry.cpu.boot_info == layout::kStartInfo);
  CHECK(entry.kernel == MemoryRange{kBase, 0x3800});
  CHECK(entry.description == "ELF kernel, booted through PVH");
  CHECK(holds(memory, kBase, elf.segments[0].content));
  CHECK(is_zero(memory, kBase + 0x1800, 0x4000));
}

TEST_CASE("A PVH note may hold its entry in 4 bytes") {
  GuestMemory memory = guest_memory();
  ElfImage elf = small_elf();
  elf.pvh_entry_size = 4;
  CHECK(load_good(elf.build(), memory).cpu.address == kBase + 0x40);
}

TEST_CASE("An ELF kernel without a PVH note is entered by the 64-bit protocol") {
  GuestMemory memory = guest_memory();
  ElfImage elf = small_elf();
  elf.pvh_entry.reset();
  const BootEntry entry = load_good(elf.build(), memory);
  CHECK(entry.cpu.protocol == arch::EntryProtocol::kLinux64);
  CHECK(entry.cpu.address == kBase);
  CHECK(entry.cpu.boot_info == layout::kZeroPage);
}

TEST_CASE("All segments go to their physical addresses, in any order") {
  GuestMemory memory = guest_memory();
  ElfImage elf = small_elf();
  elf.segments.push_back({0x2000000, test::noise(4097, 2), 0});
  elf.segments.push_back({0x1800000, test::noise(100, 3), 0x1000});
  elf.segments.push_back({0, {}, 0});  // an empty one wants nothing, wherever it is
  const BootEntry entry = load_good(elf.build(), memory);
  CHECK(entry.kernel == MemoryRange{kBase, 0x1000000 + 4097});
  CHECK(holds(memory, 0x2000000, elf.segments[1].content));
  CHECK(holds(memory, 0x1800000, elf.segments[2].content));
}

TEST_CASE("A compressed ELF kernel is unpacked") {
  for (const char* format : {"gzip", "xz", "lzma", "bzip2", "lz4", "lz4-legacy", "zstd"}) {
    INFO(format);
    GuestMemory memory = guest_memory();
    ElfImage elf = small_elf();
    elf.segments.push_back({0x2000000, test::noise(300000, 2), 0});
    const BootEntry entry = load_good(test::compress(elf.build(), format), memory);
    CHECK(entry.cpu.protocol == arch::EntryProtocol::kPvh);
    CHECK(holds(memory, kBase, elf.segments[0].content));
    CHECK(holds(memory, 0x2000000, elf.segments[1].content));
  }
}

TEST_CASE("A text in a kernel's code or constants selects further parameters") {
  // Larger than one step of the search, and the text across a border of steps.
  const std::size_t at = GENERATE(std::size_t{0}, kSize - kText.size(), kSize - layout::kMiB - 7,
                                  kSize - layout::kMiB - kText.size());
  const bool there = GENERATE(true, false);
  ElfImage elf = small_elf();
  ByteVector& code = elf.segments[0].content;
  code.resize(kSize);
  poke(code, 0x40, std::uint8_t{0xf4});
  std::ranges::copy(test::to_bytes(kText), code.begin() + static_cast<std::ptrdiff_t>(at));
  if (!there) {
    poke(code, at + kText.size() - 1, std::byte{});
  }
  GuestMemory memory = guest_memory();
  const test::TestFile file(elf.build());
  BootRequest request = request_for(file.path());
  request.command_line.add_user("quiet");
  request.parameters = {{kText}, {"with=1", "last"}, {"without=1", ""}};
  const BootEntry entry = load_good(request, memory);
  CHECK(entry.has_texts == there);
  CHECK(entry.command_line == (there ? "with=1 quiet last" : "without=1 quiet"));
}

TEST_CASE("A kernel that contains only some of the texts does not count as having them") {
  constexpr std::string_view kOther = "another driver's text";
  const bool both = GENERATE(true, false);
  ElfImage elf = small_elf();
  ByteVector& code = elf.segments[0].content;
  code.resize(kSize);
  poke(code, 0x40, std::uint8_t{0xf4});
  std::ranges::copy(test::to_bytes(kText), code.begin() + 0x1000);
  if (both) {
    std::ranges::copy(test::to_bytes(kOther), code.begin() + 0x2000);
  }
  GuestMemory memory = guest_memory();
  const test::TestFile file(elf.build());
  BootRequest request = request_for(file.path());
  const bool other_first = GENERATE(true, false);
  request.parameters = {{kText, kOther}, {"with=1", ""}, {"without=1", ""}};
  if (other_first) {
    std::swap(request.parameters.texts[0], request.parameters.texts[1]);
  }
  CHECK(load_good(request, memory).command_line == (both ? "with=1" : "without=1"));
}

TEST_CASE("A compressed file without a kernel is refused with the type of its content") {
  check_refused(test::compress(test::to_bytes("hello\n"), "gzip"), ErrorCode::kBadInput,
                {"holds a text file"});
  check_refused(test::compress(test::compress(small_elf().build(), "gzip"), "gzip"),
                ErrorCode::kBadInput, {"a gzip file"});
  ByteVector cut = test::compress(small_elf().build(), "zstd");
  cut.resize(cut.size() / 2);
  check_refused(cut, ErrorCode::kBadInput, {"damaged"});
}

TEST_CASE("Unpacking is limited in size") {
  ElfImage elf = small_elf();
  elf.segments[0].content.resize(1 << 20);
  const test::TestFile file(test::compress(elf.build(), "gzip"));
  BootRequest request = request_for(file.path());
  request.options.unpack_limit = 1 << 19;
  check_refused(request, ErrorCode::kBadInput, {"past the end"});
}

TEST_CASE("An ELF file for another machine is refused with the machine's name") {
  check_refused(with_header_field(offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_AARCH64}),
                ErrorCode::kBadInput, {"aarch64", "x86"});
  ByteVector image = with_header_field(EI_CLASS, std::uint8_t{ELFCLASS32});
  poke(image, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_386});
  check_refused(image, ErrorCode::kBadInput, {"32-bit x86", "bzImage"});
  image = with_header_field(EI_DATA, std::uint8_t{ELFDATA2MSB});
  poke(image, offsetof(Elf64_Ehdr, e_machine), __builtin_bswap16(EM_S390));
  check_refused(image, ErrorCode::kBadInput, {"s390"});
  check_refused(with_header_field(offsetof(Elf64_Ehdr, e_type), std::uint16_t{ET_REL}),
                ErrorCode::kBadInput, {"not an executable", "vmlinux"});
}

TEST_CASE("An ELF header with invalid program headers is refused") {
  check_refused(with_header_field(offsetof(Elf64_Ehdr, e_phnum), std::uint16_t{0xffff}),
                ErrorCode::kBadInput, {"65535 segments"});
  check_refused(with_header_field(offsetof(Elf64_Ehdr, e_phnum), std::uint16_t{0}),
                ErrorCode::kBadInput, {"0 segments"});
  check_refused(with_header_field(offsetof(Elf64_Ehdr, e_phentsize), std::uint16_t{8}),
                ErrorCode::kBadInput, {"damaged"});
  check_refused(with_header_field(offsetof(Elf64_Ehdr, e_phoff), ~std::uint64_t{0}),
                ErrorCode::kBadInput, {"truncated"});
  check_refused(with_header_field(offsetof(Elf64_Ehdr, e_phoff), std::uint64_t{1} << 20U),
                ErrorCode::kBadInput, {"truncated"});
}

TEST_CASE("An ELF file truncated anywhere is refused") {
  const ByteVector image = small_elf().build();
  const std::size_t needed = image.size() - 64;  // all but the symbols
  for (const std::size_t size : {5UL, 20UL, 63UL, 64UL, 100UL, 200UL, needed - 1000}) {
    INFO(size);
    check_refused(ByteVector(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size)),
                  ErrorCode::kBadInput, {"runcated"});
  }
  GuestMemory memory = guest_memory();
  load_good(ByteVector(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(needed)), memory);
}

TEST_CASE("A segment that wraps, overlaps or has an invalid size is refused") {
  check_refused(with_segment_field(offsetof(Elf64_Phdr, p_filesz), std::uint64_t{0x10000}),
                ErrorCode::kBadInput, {"segment 0", "more bytes in the file than in memory"});
  check_refused(with_segment_field(offsetof(Elf64_Phdr, p_offset), kMax - 16), ErrorCode::kBadInput,
                {"past the end"});
  check_refused(with_segment_field(offsetof(Elf64_Phdr, p_paddr), kMax - 16), ErrorCode::kBadInput,
                {"outside"});
  check_refused(with_segment_field(offsetof(Elf64_Phdr, p_memsz), kMax), ErrorCode::kBadInput,
                {"outside"});
  ElfImage elf = small_elf();
  elf.segments.push_back({kBase + 0x37ff, test::noise(16), 0});
  check_refused(elf.build(), ErrorCode::kBadInput, {"overlap", "0x10037ff"});
  elf.segments[1].address = kBase + 0x3800;
  GuestMemory memory = guest_memory();
  load_good(elf.build(), memory);
}

TEST_CASE("A segment in the range of the monitor's tables is refused") {
  check_refused(with_segment_field(offsetof(Elf64_Phdr, p_paddr), std::uint64_t{0x7000}),
                ErrorCode::kBadInput, {"0x7000", "below 0x100000"});
}

TEST_CASE("A kernel that does not fit is refused with the memory that it needs") {
  ElfImage elf = small_elf();
  elf.segments[0].extra = 64 * layout::kMiB;
  check_refused(elf.build(), ErrorCode::kExhausted, {"64 MiB of memory", "--memory", "81 MiB"});
  GuestMemory memory = guest_memory(81);
  load_good(elf.build(), memory);
  check_refused(small_elf().build(), ErrorCode::kExhausted, {"--memory", "17 MiB"}, 1);
}

TEST_CASE("An entry point outside the segments is refused") {
  ElfImage elf = small_elf();
  elf.pvh_entry = kBase + 0x1800;  // in .bss
  check_refused(elf.build(), ErrorCode::kBadInput, {"PVH entry", "0x1001800"});
  elf.pvh_entry.reset();
  elf.entry = 0xffffffff81000000;
  check_refused(elf.build(), ErrorCode::kBadInput, {"ELF entry", "0xffffffff81000000"});
}

TEST_CASE("Notes with invalid sizes are skipped, or end the search") {
  const ByteVector good = small_elf().build();
  const std::size_t notes = good.size() - 64 - 48;  // two notes of 24 bytes
  for (const std::size_t field : {0UL, 4UL, 24UL, 28UL}) {
    for (const std::uint32_t lie : {0xffffffffU, 0xfffffff0U, 0x80000000U, 41U}) {
      ByteVector image = good;
      poke(image, notes + field, lie);
      GuestMemory memory = guest_memory();
      CHECK(load_good(image, memory).cpu.protocol == arch::EntryProtocol::kLinux64);
    }
  }
}

}  // namespace bothy::boot
