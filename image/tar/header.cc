#include "image/tar/header.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

namespace bothy::image {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Offset and length of each field of a ustar header.
struct Field {
  std::size_t offset;
  std::size_t length;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kMtime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 6};
constexpr Field kMajor{329, 8};
constexpr Field kMinor{337, 8};
constexpr Field kPrefix{345, 155};
constexpr std::size_t kGnuRun = 12;

std::string_view raw(const TarBlock& block, Field field) noexcept {
  return {block.data() + field.offset, field.length};
}

std::string_view text(const TarBlock& block, Field field) noexcept {
  const std::string_view all = raw(block, field);
  return all.substr(0, all.find('\0'));
}

bool checksum_fits(const TarBlock& block) noexcept {
  const auto stored = parse_tar_number(raw(block, kChecksum));
  std::int64_t as_unsigned = 0;
  std::int64_t as_signed = 0;  // as some old programs compute it
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
    as_unsigned += own ? ' ' : static_cast<unsigned char>(block[i]);
    as_signed += own ? ' ' : static_cast<signed char>(block[i]);
  }
  return stored && (*stored == as_unsigned || *stored == as_signed);
}

Result<std::uint64_t> number(const TarBlock& block, Field field, std::string_view what) {
  const auto value = parse_tar_number(raw(block, field));
  if (!value || *value < 0) {
    return make_error(ErrorCode::kBadInput, "invalid {} in an entry's header", what);
  }
  return static_cast<std::uint64_t>(*value);
}

}  // namespace

bool is_zero(const TarBlock& block) noexcept {
  return std::all_of(block.begin(), block.end(), [](char byte) { return byte == '\0'; });
}

std::optional<std::int64_t> parse_tar_number(std::string_view field) noexcept {
  const auto first = static_cast<unsigned char>(field.empty() ? '\0' : field[0]);
  if ((first & 0x80U) != 0) {
    // Two's complement, big-endian; the top bit is only a mark.
    const bool negative = (first & 0x40U) != 0;
    std::uint64_t value = negative ? ~0ULL : 0;
    for (std::size_t i = 0; i < field.size(); ++i) {
      const std::uint64_t byte = static_cast<unsigned char>(field[i]);
      const std::uint64_t bits = i > 0 ? byte : negative ? (byte | 0x80U) : (byte & 0x7fU);
      const std::uint64_t lost = value >> 55U;
      if (lost != (negative ? 0x1ffU : 0U)) {
        return std::nullopt;
      }
      value = value << 8U | bits;
    }
    return static_cast<std::int64_t>(value);
  }
  const std::size_t start = field.find_first_not_of(' ');
  field = start == std::string_view::npos ? std::string_view() : field.substr(start);
  field = field.substr(0, field.find_first_of(std::string_view(" \0", 2)));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
  if (field.empty()) {
    return 0;
  }
  if (error != std::errc() || end != field.data() + field.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

Result<TarHeader> parse_tar_header(const TarBlock& block) {
  if (!checksum_fits(block)) {
    return make_error(ErrorCode::kBadInput, "wrong checksum in an entry's header");
  }
  TarHeader header;
  header.type = block[kType];
  const bool ustar = raw(block, kMagic) == std::string_view("ustar\0", 6);
  if (const auto prefix = text(block, kPrefix); ustar && !prefix.empty()) {
    header.name = std::string(prefix) + "/";
  }
  header.name += text(block, kName);
  header.link = text(block, kLink);
  BOTHY_TRY(const std::uint64_t mode, number(block, kMode, "mode"));
  header.mode = static_cast<std::uint32_t>(mode & 07777U);
  BOTHY_TRY(header.uid, number(block, kUid, "owner"));
  BOTHY_TRY(header.gid, number(block, kGid, "group"));
  BOTHY_TRY(header.size, number(block, kSize, "size"));
  const auto mtime = parse_tar_number(raw(block, kMtime));
  if (!mtime) {
    return make_error(ErrorCode::kBadInput, "invalid time in an entry's header");
  }
  header.mtime = *mtime;
  if (header.type == '3' || header.type == '4') {
    BOTHY_TRY(header.major, number(block, kMajor, "device number"));
    BOTHY_TRY(header.minor, number(block, kMinor, "device number"));
  }
  return header;
}

Result<void> parse_gnu_runs(const TarBlock& block, std::size_t start, std::size_t count,
                            std::vector<TarRun>& runs) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = start + i * 2 * kGnuRun;
    if (block[at] == '\0') {
      break;
    }
    TarRun run;
    BOTHY_TRY(run.offset, number(block, {at, kGnuRun}, "sparse map"));
    BOTHY_TRY(run.length, number(block, {at + kGnuRun, kGnuRun}, "sparse map"));
    runs.push_back(run);
  }
  return success();
}

Result<std::vector<std::pair<std::string_view, std::string_view>>> parse_pax_records(
    std::string_view records) {
  std::vector<std::pair<std::string_view, std::string_view>> parsed;
  while (!records.empty()) {
    const auto length = parse_decimal(records.substr(0, records.find(' ')));
    const std::size_t digits = records.find(' ');
    // The length counts itself, the blank and the newline.
    if (!length || digits == std::string_view::npos || *length > records.size() ||
        *length < digits + 3 || records[*length - 1] != '\n') {
      return make_error(ErrorCode::kBadInput, "damaged extended header");
    }
    const std::string_view record = records.substr(digits + 1, *length - digits - 2);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return make_error(ErrorCode::kBadInput, "damaged extended header");
    }
    parsed.emplace_back(record.substr(0, equals), record.substr(equals + 1));
    records.remove_prefix(*length);
  }
  return parsed;
}

std::optional<TarTime> parse_pax_time(std::string_view text) noexcept {
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative ? 1 : 0);
  const std::size_t point = text.find('.');
  const auto whole = parse_decimal(text.substr(0, point));
  if (!whole || *whole > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 2)) {
    return std::nullopt;
  }
  TarTime time{static_cast<std::int64_t>(*whole), 0};
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  std::uint32_t weight = 100'000'000;
  for (const char digit : fraction) {
    if (digit < '0' || digit > '9') {
      return std::nullopt;
    }
    time.nanoseconds += static_cast<std::uint32_t>(digit - '0') * weight;
    weight /= 10;
  }
  if (negative) {
    time.seconds = -time.seconds;
    if (time.nanoseconds > 0) {
      time.seconds -= 1;
      time.nanoseconds = 1'000'000'000 - time.nanoseconds;
    }
  }
  return time;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> parse_base64(std::string_view text) {
  while (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  std::string value;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char letter : text) {
    const std::size_t digit = kAlphabet.find(letter);
    if (digit == std::string_view::npos) {
      return std::nullopt;
    }
    bits = (bits << 6U | static_cast<std::uint32_t>(digit)) & 0xffffU;
    count += 6;
    if (count >= 8) {
      count -= 8;
      value += static_cast<char>(bits >> count & 0xffU);
    }
  }
  return value;
}

std::string decode_percent(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr ==
            text.data() + i + 3) {
      decoded += static_cast<char>(code);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

}  // namespace bothy::image
