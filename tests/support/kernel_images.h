// Small kernels, initrds and files made up for tests: just what a boot loader looks at.
#pragma once

#include <asm/bootparam.h>
#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace bothy::test {

using ByteVector = std::vector<std::byte>;

[[nodiscard]] ByteVector to_bytes(std::string_view text);
// `size` bytes that look random and are the same for the same seed.
[[nodiscard]] ByteVector noise(std::size_t size, std::uint32_t seed = 1);

// Overwrites what lies at `offset`, to make a good image lie.
template <class T>
void poke(ByteVector& image, std::size_t offset, T value) {
  std::memcpy(image.data() + offset, &value, sizeof(value));
}

// A file without a name, opened by its path() as any other.
class TestFile {
 public:
  explicit TestFile(std::span<const std::byte> content);

  [[nodiscard]] std::string path() const;

 private:
  UniqueFd fd_;
};

// An ELF64 executable.
struct ElfImage {
  struct Segment {
    std::uint64_t address = 0;
    ByteVector content;
    std::uint64_t extra = 0;  // .bss: bytes in memory past the content
  };

  std::vector<Segment> segments;
  std::uint64_t entry = 0;
  std::optional<std::uint64_t> pvh_entry;
  std::size_t pvh_entry_size = 8;
  ByteVector symbols;  // at the end of the file; nobody should read them

  [[nodiscard]] ByteVector build() const;
  // Where build() puts the program header of the segment, or of the note when index is past them.
  [[nodiscard]] static std::size_t header_offset(std::size_t index) {
    return sizeof(Elf64_Ehdr) + index * sizeof(Elf64_Phdr);
  }
};

// One segment at 16 MiB with .bss, entered through PVH at 16 MiB + 0x40 and by the 64-bit protocol
// at 16 MiB.
[[nodiscard]] ElfImage small_elf();

// A bzImage of protocol 2.15 with a 64-bit entry, `payload` at payload_offset 0x400.
struct BzImageFile {
  setup_header header{};
  std::string version = "6.1.192-test (who@where) #1 SMP";
  ByteVector payload;

  BzImageFile();
  // Fills in syssize, payload_offset and payload_length unless they are set.
  [[nodiscard]] ByteVector build() const;
};

inline constexpr std::size_t kSetupHeader = 0x1f1;  // of a bzImage's setup header in the file
inline constexpr std::size_t kSetupSize = 0xa00;    // of what comes before the kernel

// As the kernel's build makes its payload: compressed, the unpacked size behind it but for gzip.
[[nodiscard]] ByteVector kernel_payload(std::span<const std::byte> data, std::string_view format);
// gzip, xz, lzma, bzip2, zstd, lz4 (a frame), or lz4-legacy (the kernel's, stored, not packed).
[[nodiscard]] ByteVector compress(std::span<const std::byte> data, std::string_view format);

}  // namespace bothy::test
