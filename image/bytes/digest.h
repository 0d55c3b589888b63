// Digest and Sha256: what content is known by in an image store.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy::image {

// A sha256, the one algorithm in use: OCI registers sha512 too, which no tool writes. A value.
class Digest {
 public:
  static constexpr std::size_t kSize = 32;

  // All zero: no content is known to have it.
  Digest() noexcept = default;
  explicit Digest(const std::array<std::uint8_t, kSize>& bytes) noexcept : bytes_(bytes) {}

  // "sha256:" and 64 lower-case hexadecimal digits (OCI descriptor.md, "Digests"); kBadImage
  // otherwise, so nothing that came from a file ever becomes part of a path unchecked.
  [[nodiscard]] static Result<Digest> parse(std::string_view text);
  // The 64 digits alone.
  [[nodiscard]] static Result<Digest> parse_hex(std::string_view hex);

  [[nodiscard]] std::string hex() const;
  [[nodiscard]] std::string text() const { return "sha256:" + hex(); }
  // Twelve digits, for people.
  [[nodiscard]] std::string brief() const { return hex().substr(0, 12); }
  [[nodiscard]] const std::array<std::uint8_t, kSize>& bytes() const noexcept { return bytes_; }

  // NOLINTNEXTLINE(modernize-use-nullptr): the check takes what the compiler writes for ours
  auto operator<=>(const Digest&) const noexcept = default;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

// Hashes what goes by. Move-only.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::span<const std::byte> bytes);
  // The digest of all so far; starts anew.
  [[nodiscard]] Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] Digest digest_of(std::string_view content);

}  // namespace bothy::image
