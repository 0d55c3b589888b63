// Digest and Sha256: the content addresses of an image store.
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

// A SHA-256, the only algorithm supported: OCI registers sha512 too, but no tool writes it.
class Digest {
 public:
  static constexpr std::size_t kSize = 32;

  // All zero, which is the digest of no known content.
  Digest() noexcept = default;
  explicit Digest(const std::array<std::uint8_t, kSize>& bytes) noexcept : bytes_(bytes) {}

  // Parses "sha256:" and 64 lower-case hexadecimal digits (OCI descriptor.md, "Digests"). Anything
  // else is kBadInput, so that no text from a file becomes part of a path unchecked.
  [[nodiscard]] static Result<Digest> parse(std::string_view text);
  // The 64 digits alone.
  [[nodiscard]] static Result<Digest> parse_hex(std::string_view hex);

  [[nodiscard]] std::string hex() const;
  [[nodiscard]] std::string text() const { return "sha256:" + hex(); }
  // The first twelve digits, for display.
  [[nodiscard]] std::string brief() const { return hex().substr(0, 12); }
  [[nodiscard]] const std::array<std::uint8_t, kSize>& bytes() const noexcept { return bytes_; }

  // NOLINTNEXTLINE(modernize-use-nullptr): the check reports generated code
  auto operator<=>(const Digest&) const noexcept = default;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

// A running hash. Move-only.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::span<const std::byte> bytes);
  // Returns the digest of all bytes since the last call, and starts again.
  [[nodiscard]] Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] Digest digest_of(std::string_view content);

}  // namespace bothy::image
