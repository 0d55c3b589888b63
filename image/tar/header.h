// The 512-byte header of a tar archive and the records of a pax extended header, parsed: POSIX
// pax (IEEE 1003.1, "pax Interchange Format" and "ustar Interchange Format") and GNU tar's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "image/bytes/byte_source.h"

namespace bothy::image {

inline constexpr std::size_t kTarBlock = 512;
using TarBlock = std::array<char, kTarBlock>;

struct TarTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  auto operator<=>(const TarTime&) const noexcept = default;
};

// The fields of one header block, unchecked.
struct TarHeader {
  std::string name;  // with the ustar prefix
  std::string link;
  char type = '0';
  std::uint32_t mode = 0;
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::uint64_t size = 0;
  std::int64_t mtime = 0;
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
};

// A run of data in a sparse file.
struct TarRun {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

[[nodiscard]] bool is_zero(const TarBlock& block) noexcept;

// kBadInput for a wrong checksum, and for a field that is not a number in range.
[[nodiscard]] Result<TarHeader> parse_tar_header(const TarBlock& block);

// An octal number, or base 256 where the top bit of the first byte is set.
[[nodiscard]] std::optional<std::int64_t> parse_tar_number(std::string_view field) noexcept;

// Appends the runs of an old GNU sparse header (`count` 4 at 386) or continuation block (21 at 0)
// to `runs`, up to the first unused one.
[[nodiscard]] Result<void> parse_gnu_runs(const TarBlock& block, std::size_t start,
                                          std::size_t count, std::vector<TarRun>& runs);

// The records "LENGTH KEY=VALUE\n" of a pax header, in their order; keys and values are views of
// `text`. kBadInput for a record with a wrong length.
[[nodiscard]] Result<std::vector<std::pair<std::string_view, std::string_view>>> parse_pax_records(
    std::string_view text);

// A decimal number of seconds, which may be negative and have a fraction.
[[nodiscard]] std::optional<TarTime> parse_pax_time(std::string_view text) noexcept;

// A decimal number of digits only.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

// Base64 with or without padding (libarchive writes none); nothing for invalid text.
[[nodiscard]] std::optional<std::string> parse_base64(std::string_view text);

// "%41" -> "A"; invalid escapes are left as they are.
[[nodiscard]] std::string decode_percent(std::string_view text);

}  // namespace bothy::image
