#include "base/units.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

namespace bothy {
namespace {

struct Quantity {
  double number;
  std::string suffix;  // lower case
};

constexpr std::string_view kSize = "size";
constexpr std::string_view kSizeForm =
    "a number of bytes, or a number with K, M, G or T, as in 512M";
constexpr std::string_view kDuration = "duration";
constexpr std::string_view kDurationForm = "a number with ms, s, m, h or d, as in 250ms or 30s";

Error invalid(std::string_view text, std::string_view what, std::string_view expected) {
  return make_error(ErrorCode::kInvalid, "invalid {} '{}': expected {}", what, text, expected);
}

Result<Quantity> split(std::string_view text, std::string_view what, std::string_view expected) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || number < 0) {
    return invalid(text, what, expected);
  }
  std::string suffix(rest, end);
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return Quantity{number, std::move(suffix)};
}

template <std::size_t N>
double find_unit(const std::array<std::pair<std::string_view, double>, N>& units,
                 std::string_view suffix) {
  const auto* unit = std::find_if(units.begin(), units.end(),
                                  [&](const auto& entry) { return entry.first == suffix; });
  return unit == units.end() ? 0 : unit->second;
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr double kKiB = 1024;
  constexpr std::array<std::pair<std::string_view, double>, 14> kUnits{{
      {"", 1},
      {"b", 1},
      {"k", kKiB},
      {"kb", kKiB},
      {"kib", kKiB},
      {"m", kKiB * kKiB},
      {"mb", kKiB * kKiB},
      {"mib", kKiB * kKiB},
      {"g", kKiB * kKiB * kKiB},
      {"gb", kKiB * kKiB * kKiB},
      {"gib", kKiB * kKiB * kKiB},
      {"t", kKiB * kKiB * kKiB * kKiB},
      {"tb", kKiB * kKiB * kKiB * kKiB},
      {"tib", kKiB * kKiB * kKiB * kKiB},
  }};
  BOTHY_TRY(const Quantity quantity, split(text, kSize, kSizeForm));
  const double unit = find_unit(kUnits, quantity.suffix);
  if (unit == 0) {
    return invalid(text, kSize, kSizeForm);
  }
  const double bytes = quantity.number * unit;
  // The largest double below 2^64; a comparison with 2^64 itself is exact.
  if (bytes >= std::ldexp(1.0, 64)) {
    return make_error(ErrorCode::kInvalid, "size '{}' is too large: it must be below 2^64 bytes",
                      text);
  }
  return static_cast<std::uint64_t>(bytes);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{{
      {"", 1e3},
      {"ms", 1},
      {"s", 1e3},
      {"m", 60e3},
      {"h", 3600e3},
      {"d", 86400e3},
  }};
  constexpr double kYear = 365 * 86400e3;
  BOTHY_TRY(const Quantity quantity, split(text, kDuration, kDurationForm));
  const double unit = find_unit(kUnits, quantity.suffix);
  if (unit == 0) {
    return invalid(text, kDuration, kDurationForm);
  }
  const double milliseconds = quantity.number * unit;
  if (milliseconds < 1 || milliseconds > kYear) {
    return make_error(ErrorCode::kInvalid, "duration '{}' is out of range: expected 1ms to 365d",
                      text);
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const auto ns = static_cast<double>(duration.count());
  if (ns < 1e6) {
    return fmt::format("{:.0f} us", ns / 1e3);
  }
  if (ns < 1e9) {
    return fmt::format("{:.1f} ms", ns / 1e6);
  }
  return fmt::format("{:.2f} s", ns / 1e9);
}

}  // namespace bothy
