#include "image/confined/wire.h"

#include <array>
#include <cstring>

namespace bothy::image {

void WireWriter::number(std::uint64_t value) {
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void WireWriter::text(std::string_view value) {
  number(value.size());
  bytes_.append(value);
}

void WireWriter::digest(const Digest& value) {
  bytes_.append(reinterpret_cast<const char*>(value.bytes().data()), Digest::kSize);
}

Result<std::string_view> WireReader::bytes(std::size_t count) {
  if (count > left_.size()) {
    return make_error(ErrorCode::kBadInput, "a message of the unpacking process is cut off");
  }
  const std::string_view part = left_.substr(0, count);
  left_.remove_prefix(count);
  return part;
}

Result<std::uint64_t> WireReader::number() {
  std::uint64_t value = 0;
  BOTHY_TRY(const std::string_view part, bytes(sizeof(value)));
  std::memcpy(&value, part.data(), sizeof(value));
  return value;
}

Result<std::string> WireReader::text(std::size_t limit) {
  BOTHY_TRY(const std::uint64_t size, number());
  if (size > limit) {
    return make_error(ErrorCode::kBadInput, "a text of the unpacking process exceeds {} bytes",
                      limit);
  }
  BOTHY_TRY(const std::string_view part, bytes(size));
  return std::string(part);
}

Result<Digest> WireReader::digest() {
  BOTHY_TRY(const std::string_view part, bytes(Digest::kSize));
  std::array<std::uint8_t, Digest::kSize> value{};
  std::memcpy(value.data(), part.data(), value.size());
  return Digest(value);
}

}  // namespace bothy::image
