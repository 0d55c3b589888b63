// Messages of D-Bus (D-Bus Specification, "Type System" and "Message Protocol"), in this machine's
// byte order: as much as calls of systemd's manager need.
//
// libdbus isn't used: linked statically, as bothy is, it asks for the C library's look-up of users
// and for libsystemd, which both exist as shared libraries alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bothy::container {

// The values of a message's body, one after the other. Each is aligned from the beginning, which is
// that of a body or of a header, both of which begin at a multiple of 8.
class DBusWriter {
 public:
  void put_byte(std::uint8_t value) { bytes_.push_back(value); }
  void put_bool(bool value) { put_u32(value ? 1 : 0); }
  void put_u16(std::uint16_t value) { put_number(value); }
  void put_u32(std::uint32_t value) { put_number(value); }
  void put_u64(std::uint64_t value) { put_number(value); }
  void put_text(std::string_view text);  // strings and object paths
  void put_signature(std::string_view signature);

  // Before each struct and each entry of a dictionary: 8.
  void align(std::size_t boundary);
  // Around the elements of an array; `alignment` is that of its type of elements.
  [[nodiscard]] std::size_t begin_array(std::size_t alignment);
  void end_array(std::size_t begin, std::size_t alignment);

  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }

 private:
  template <class T>
  void put_number(T value) {
    align(sizeof(value));
    const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof(value));
  }

  std::vector<std::uint8_t> bytes_;
};

// The values of a body or a header that came in. Reading past the end, or what isn't the type asked
// for, gives zeros and empty texts, and is_valid() is false from then on.
class DBusReader {
 public:
  explicit DBusReader(std::string_view bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] std::uint8_t byte();
  [[nodiscard]] std::uint32_t u32();
  [[nodiscard]] std::string_view text();
  [[nodiscard]] std::string_view signature();
  void align(std::size_t boundary);
  [[nodiscard]] bool at_end() const noexcept { return position_ == bytes_.size(); }
  [[nodiscard]] bool is_valid() const noexcept { return valid_; }

 private:
  [[nodiscard]] std::string_view take(std::size_t size);
  [[nodiscard]] std::string_view terminated(std::size_t size);

  std::string_view bytes_;
  std::size_t position_ = 0;
  bool valid_ = true;
};

struct DBusCall {
  std::string destination;  // empty: none, on a connection without a bus
  std::string path;
  std::string interface;
  std::string member;
  std::string signature;  // of the body
  DBusWriter body = {};
};

// A call that expects a reply, as bytes to be sent. `serial` is not 0.
[[nodiscard]] std::vector<std::uint8_t> encode(const DBusCall& call, std::uint32_t serial);

struct DBusMessage {
  enum class Type : std::uint8_t { kCall = 1, kReturn = 2, kError = 3, kSignal = 4 };

  Type type = Type::kCall;
  std::uint32_t reply_serial = 0;
  std::string member;
  std::string error_name;
  std::string signature;
  std::string body;

  // What an error says: its first text.
  [[nodiscard]] std::string error_text() const;
};

// The size of the message that `bytes` begin with; nothing: more bytes are needed to tell.
// kBadInput for what isn't a message, or one of more than a megabyte.
[[nodiscard]] Result<std::optional<std::size_t>> message_size(std::string_view bytes);
// `bytes` are one whole message.
[[nodiscard]] Result<DBusMessage> decode(std::string_view bytes);

}  // namespace bothy::container
