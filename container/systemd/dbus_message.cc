#include "container/systemd/dbus_message.h"

#include <bit>
#include <cstring>

namespace bothy::container {
namespace {

constexpr char kByteOrder = std::endian::native == std::endian::little ? 'l' : 'B';
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kFixedHeader = 16;  // with the length of the array of fields
constexpr std::size_t kMaxMessage = 1U << 20;

// Header fields.
constexpr std::uint8_t kPath = 1;
constexpr std::uint8_t kInterface = 2;
constexpr std::uint8_t kMember = 3;
constexpr std::uint8_t kErrorName = 4;
constexpr std::uint8_t kReplySerial = 5;
constexpr std::uint8_t kDestination = 6;
constexpr std::uint8_t kSignature = 8;

std::size_t padded(std::size_t size, std::size_t boundary) {
  return (size + boundary - 1) / boundary * boundary;
}

void put_field(DBusWriter& header, std::uint8_t code, std::string_view type,
               const std::string& value) {
  if (value.empty()) {
    return;
  }
  header.align(8);
  header.put_byte(code);
  header.put_signature(type);
  if (type == "g") {
    header.put_signature(value);
  } else {
    header.put_text(value);
  }
}

Error invalid_message() {
  return make_error(ErrorCode::kBadInput, "systemd sent an invalid D-Bus message");
}

void read_field(DBusReader& reader, DBusMessage& message) {
  reader.align(8);
  const std::uint8_t code = reader.byte();
  const std::string_view type = reader.signature();
  if (type == "u") {
    const std::uint32_t value = reader.u32();
    if (code == kReplySerial) {
      message.reply_serial = value;
    }
    return;
  }
  const std::string_view value = type == "g" ? reader.signature() : reader.text();
  if (code == kMember) {
    message.member = value;
  } else if (code == kErrorName) {
    message.error_name = value;
  } else if (code == kSignature) {
    message.signature = value;
  }
}

}  // namespace

void DBusWriter::put_text(std::string_view text) {
  put_u32(static_cast<std::uint32_t>(text.size()));
  bytes_.insert(bytes_.end(), text.begin(), text.end());
  bytes_.push_back(0);
}

void DBusWriter::put_signature(std::string_view signature) {
  put_byte(static_cast<std::uint8_t>(signature.size()));
  bytes_.insert(bytes_.end(), signature.begin(), signature.end());
  bytes_.push_back(0);
}

void DBusWriter::align(std::size_t boundary) {
  bytes_.resize(padded(bytes_.size(), boundary));
}

std::size_t DBusWriter::begin_array(std::size_t alignment) {
  put_u32(0);
  const std::size_t begin = bytes_.size();
  align(alignment);
  return begin;
}

// The length counts neither itself nor the padding before the first element.
void DBusWriter::end_array(std::size_t begin, std::size_t alignment) {
  const auto length = static_cast<std::uint32_t>(bytes_.size() - padded(begin, alignment));
  std::memcpy(bytes_.data() + begin - sizeof(length), &length, sizeof(length));
}

std::string_view DBusReader::take(std::size_t size) {
  if (!valid_ || size > bytes_.size() - position_) {
    valid_ = false;
    return {};
  }
  const std::string_view taken = bytes_.substr(position_, size);
  position_ += size;
  return taken;
}

std::string_view DBusReader::terminated(std::size_t size) {
  const std::string_view taken = take(size + 1);
  if (taken.empty() || taken.back() != '\0') {
    valid_ = false;
    return {};
  }
  return taken.substr(0, size);
}

void DBusReader::align(std::size_t boundary) {
  static_cast<void>(take(padded(position_, boundary) - position_));
}

std::uint8_t DBusReader::byte() {
  const std::string_view taken = take(1);
  return taken.empty() ? 0 : static_cast<std::uint8_t>(taken.front());
}

std::uint32_t DBusReader::u32() {
  std::uint32_t value = 0;
  align(sizeof(value));
  const std::string_view taken = take(sizeof(value));
  if (!taken.empty()) {
    std::memcpy(&value, taken.data(), sizeof(value));
  }
  return value;
}

std::string_view DBusReader::text() {
  return terminated(u32());
}

std::string_view DBusReader::signature() {
  return terminated(byte());
}

std::vector<std::uint8_t> encode(const DBusCall& call, std::uint32_t serial) {
  DBusWriter message;
  message.put_byte(kByteOrder);
  message.put_byte(static_cast<std::uint8_t>(DBusMessage::Type::kCall));
  message.put_byte(0);  // flags
  message.put_byte(kVersion);
  message.put_u32(static_cast<std::uint32_t>(call.body.bytes().size()));
  message.put_u32(serial);
  const std::size_t fields = message.begin_array(8);
  put_field(message, kPath, "o", call.path);
  put_field(message, kInterface, "s", call.interface);
  put_field(message, kMember, "s", call.member);
  put_field(message, kDestination, "s", call.destination);
  put_field(message, kSignature, "g", call.signature);
  message.end_array(fields, 8);
  message.align(8);
  std::vector<std::uint8_t> bytes = message.bytes();
  bytes.insert(bytes.end(), call.body.bytes().begin(), call.body.bytes().end());
  return bytes;
}

std::string DBusMessage::error_text() const {
  DBusReader reader(body);
  return std::string(signature.starts_with('s') ? reader.text() : std::string_view());
}

Result<std::optional<std::size_t>> message_size(std::string_view bytes) {
  if (bytes.size() < kFixedHeader) {
    return std::optional<std::size_t>();
  }
  DBusReader reader(bytes);
  const bool known = reader.byte() == kByteOrder;
  static_cast<void>(reader.byte());  // type
  static_cast<void>(reader.byte());  // flags
  const bool current = reader.byte() == kVersion;
  const std::size_t body = reader.u32();
  static_cast<void>(reader.u32());  // serial
  const std::size_t fields = reader.u32();
  const std::size_t size = padded(kFixedHeader + fields, 8) + body;
  if (!known || !current || size > kMaxMessage) {
    return invalid_message();
  }
  return std::optional(size);
}

Result<DBusMessage> decode(std::string_view bytes) {
  BOTHY_TRY(const std::optional<std::size_t> size, message_size(bytes));
  if (size != bytes.size()) {
    return invalid_message();
  }
  std::uint32_t fields = 0;
  std::memcpy(&fields, bytes.data() + kFixedHeader - sizeof(fields), sizeof(fields));
  DBusMessage message;
  message.type = static_cast<DBusMessage::Type>(bytes[1]);
  DBusReader reader(bytes.substr(0, kFixedHeader + fields));
  for (std::size_t i = 0; i < kFixedHeader; ++i) {
    static_cast<void>(reader.byte());
  }
  while (!reader.at_end() && reader.is_valid()) {
    read_field(reader, message);
  }
  if (!reader.is_valid()) {
    return invalid_message();
  }
  message.body = bytes.substr(padded(kFixedHeader + fields, 8));
  return message;
}

}  // namespace bothy::container
