#include "tests/support/kernel_images.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>

namespace bothy::test {
namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

template <class T>
void append(ByteVector& to, const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void append(ByteVector& to, const ByteVector& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

ByteVector pvh_note(std::uint64_t entry, std::size_t size) {
  ByteVector note;
  // A note of somebody else goes first, so that a reader has to step over it.
  append(note, Elf64_Nhdr{4, 5, 3});
  append(note, to_bytes(std::string_view("GNU\0hello\0\0\0", 12)));
  append(note, Elf64_Nhdr{4, static_cast<Elf64_Word>(size), 18});
  append(note, to_bytes(std::string_view("Xen\0", 4)));
  append(note, entry);
  note.resize(note.size() - sizeof(entry) + size);
  return note;
}

Elf64_Phdr program_header(std::uint32_t type, std::uint64_t offset, std::uint64_t address,
                          std::uint64_t file_size, std::uint64_t memory_size) {
  Elf64_Phdr header{};
  header.p_type = type;
  header.p_flags = PF_R | PF_W | PF_X;
  header.p_offset = offset;
  header.p_vaddr = 0xffffffff80000000ULL + address;
  header.p_paddr = address;
  header.p_filesz = file_size;
  header.p_memsz = memory_size;
  header.p_align = 4;
  return header;
}

void add_filter(archive* handle, std::string_view format) {
  int status = ARCHIVE_FATAL;
  if (format == "gzip") {
    status = archive_write_add_filter_gzip(handle);
  } else if (format == "xz") {
    status = archive_write_add_filter_xz(handle);
  } else if (format == "lzma") {
    status = archive_write_add_filter_lzma(handle);
  } else if (format == "bzip2") {
    status = archive_write_add_filter_bzip2(handle);
  } else if (format == "lz4") {
    status = archive_write_add_filter_lz4(handle);
  } else if (format == "zstd") {
    status = archive_write_add_filter_zstd(handle);
  }
  require(status == ARCHIVE_OK);
}

// lz4's lz4_Frame_format.md, "Legacy frame": blocks of at most 8 MiB with their size in front. The
// only sequence in a block is one of literals (lz4_Block_format.md).
ByteVector lz4_legacy(std::span<const std::byte> data) {
  ByteVector block{std::byte{0xf0}};
  require(data.size() >= 15 && data.size() < (8U << 20U));
  std::size_t rest = data.size() - 15;
  for (; rest >= 255; rest -= 255) {
    block.push_back(std::byte{255});
  }
  block.push_back(static_cast<std::byte>(rest));
  block.insert(block.end(), data.begin(), data.end());
  ByteVector result;
  append(result, std::uint32_t{0x184c2102});
  append(result, static_cast<std::uint32_t>(block.size()));
  append(result, block);
  return result;
}

}  // namespace

ByteVector to_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

ByteVector noise(std::size_t size, std::uint32_t seed) {
  std::minstd_rand generator(seed);
  ByteVector bytes(size);
  std::generate(bytes.begin(), bytes.end(),
                [&generator] { return static_cast<std::byte>(generator() >> 8U); });
  return bytes;
}

TestFile::TestFile(std::span<const std::byte> content)
    : fd_(::memfd_create("bothy-test", MFD_CLOEXEC)) {
  require(fd_.get() >= 0);
  require(::write(fd_.get(), content.data(), content.size()) ==
          static_cast<ssize_t>(content.size()));
}

std::string TestFile::path() const {
  return "/proc/self/fd/" + std::to_string(fd_.get());
}

ByteVector ElfImage::build() const {
  const ByteVector note = pvh_entry ? pvh_note(*pvh_entry, pvh_entry_size) : ByteVector();
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_entry = entry;
  header.e_phoff = sizeof(header);
  header.e_ehsize = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(segments.size() + (note.empty() ? 0 : 1));

  ByteVector image;
  append(image, header);
  std::uint64_t offset = header_offset(header.e_phnum);
  for (const Segment& segment : segments) {
    append(image, program_header(PT_LOAD, offset, segment.address, segment.content.size(),
                                 segment.content.size() + segment.extra));
    offset += segment.content.size();
  }
  if (!note.empty()) {
    append(image, program_header(PT_NOTE, offset, 0, note.size(), note.size()));
  }
  for (const Segment& segment : segments) {
    append(image, segment.content);
  }
  append(image, note);
  append(image, symbols);
  return image;
}

ElfImage small_elf() {
  ElfImage elf;
  elf.segments.push_back({0x1000000, noise(0x1800), 0x2000});
  elf.entry = 0x1000000;
  elf.pvh_entry = 0x1000040;
  elf.symbols = noise(64, 7);
  return elf;
}

BzImageFile::BzImageFile() {
  header.setup_sects = 4;
  header.boot_flag = 0xaa55;
  header.jump = 0x6aeb;  // to 0x26c: behind the header
  header.header = 0x53726448;
  header.version = 0x20f;
  header.loadflags = LOADED_HIGH;
  header.code32_start = 0x100000;
  header.initrd_addr_max = 0x7fffffff;
  header.kernel_alignment = 0x200000;
  header.relocatable_kernel = 1;
  header.xloadflags = XLF_KERNEL_64;
  header.cmdline_size = 2047;
  header.pref_address = 0x1000000;
  header.init_size = 0x400000;
}

ByteVector BzImageFile::build() const {
  setup_header filled = header;
  ByteVector code = noise(0x400, 3);
  if (filled.payload_offset == 0 && !payload.empty()) {
    filled.payload_offset = static_cast<std::uint32_t>(code.size());
    filled.payload_length = static_cast<std::uint32_t>(payload.size());
  }
  append(code, payload);
  code.resize((code.size() + 15) / 16 * 16);
  if (filled.syssize == 0) {
    filled.syssize = static_cast<std::uint32_t>(code.size() / 16);
  }
  ByteVector image(kSetupSize);
  if (!version.empty()) {
    filled.kernel_version = 0x400;
    std::memcpy(image.data() + 0x600, version.c_str(), version.size() + 1);
  }
  poke(image, kSetupHeader, filled);
  append(image, code);
  return image;
}

ByteVector compress(std::span<const std::byte> data, std::string_view format) {
  if (format == "lz4-legacy") {
    return lz4_legacy(data);
  }
  ByteVector packed(data.size() * 2 + 65536);
  std::size_t used = 0;
  archive* handle = archive_write_new();
  archive_write_set_format_raw(handle);
  add_filter(handle, format);
  archive_write_set_bytes_in_last_block(handle, 1);
  require(archive_write_open_memory(handle, packed.data(), packed.size(), &used) == ARCHIVE_OK);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  require(archive_write_header(handle, entry) == ARCHIVE_OK);
  require(archive_write_data(handle, data.data(), data.size()) ==
          static_cast<la_ssize_t>(data.size()));
  archive_entry_free(entry);
  require(archive_write_close(handle) == ARCHIVE_OK);
  archive_write_free(handle);
  packed.resize(used);
  return packed;
}

ByteVector kernel_payload(std::span<const std::byte> data, std::string_view format) {
  ByteVector payload = compress(data, format);
  if (format != "gzip") {
    append(payload, static_cast<std::uint32_t>(data.size()));
  }
  return payload;
}

}  // namespace bothy::test
