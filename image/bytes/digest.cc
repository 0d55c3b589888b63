#include "image/bytes/digest.h"

#include <nettle/sha2.h>

#include <algorithm>

#include "base/files.h"

namespace bothy::image {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr std::string_view kDigits = "0123456789abcdef";

Error invalid(std::string_view text) {
  return make_error(ErrorCode::kBadInput,
                    "invalid digest '{}': expected sha256: and 64 lower-case hexadecimal digits",
                    printable(text));
}

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  if (!text.starts_with(kPrefix)) {
    return invalid(text);
  }
  return parse_hex(text.substr(kPrefix.size()));
}

Result<Digest> Digest::parse_hex(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * kSize || hex.find_first_not_of(kDigits) != std::string_view::npos) {
    return invalid(hex);
  }
  for (std::size_t i = 0; i < kSize; ++i) {
    digest.bytes_[i] =
        static_cast<std::uint8_t>(kDigits.find(hex[2 * i]) * 16 + kDigits.find(hex[2 * i + 1]));
  }
  return digest;
}

std::string Digest::hex() const {
  std::string text;
  text.reserve(2 * kSize);
  for (const std::uint8_t byte : bytes_) {
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

struct Sha256::Context {
  sha256_ctx state;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  sha256_init(&context_->state);
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  sha256_update(&context_->state, bytes.size(),
                reinterpret_cast<const std::uint8_t*>(bytes.data()));
}

Digest Sha256::finish() {
  std::array<std::uint8_t, Digest::kSize> bytes{};
  sha256_digest(&context_->state, bytes.size(), bytes.data());
  return Digest(bytes);
}

Digest digest_of(std::string_view content) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(content)));
  return hash.finish();
}

}  // namespace bothy::image
