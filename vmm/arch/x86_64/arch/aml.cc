#include "arch/aml.h"

#include <array>
#include <cassert>
#include <limits>

namespace bothy::arch {
namespace {

constexpr std::size_t kNameSegmentLength = 4;

// Flags of the extended interrupt descriptor (6.4.3.6).
constexpr std::uint8_t kConsumer = 1U << 0U;
constexpr std::uint8_t kConsumerEdge = kConsumer | 1U << 1U;

// The end tag's checksum may be zero, which counts as right (6.4.2.9).
constexpr std::array kEndTag{std::byte{0x79}, std::byte{0}};

void append_text(std::vector<std::byte>& out, std::string_view text) {
  for (const char c : text) {
    out.push_back(static_cast<std::byte>(c));
  }
}

[[maybe_unused]] bool is_name_segment(std::string_view segment) {
  const bool fits = !segment.empty() && segment.size() <= kNameSegmentLength;
  return fits &&
         segment.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
             std::string_view::npos &&
         (segment[0] < '0' || segment[0] > '9');
}

std::uint32_t hex_digit(char c) {
  assert((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
  return static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'A' + 10);
}

}  // namespace

AmlResources& AmlResources::io(std::uint16_t port, std::uint8_t length) {
  append_le<std::uint8_t>(bytes_, 0x47);  // small item, type 8, 7 bytes
  append_le<std::uint8_t>(bytes_, 1);     // decodes 16 bits
  append_le<std::uint16_t>(bytes_, port);
  append_le<std::uint16_t>(bytes_, port);
  append_le<std::uint8_t>(bytes_, 1);  // alignment
  append_le<std::uint8_t>(bytes_, length);
  return *this;
}

AmlResources& AmlResources::memory32_fixed(std::uint32_t base, std::uint32_t length) {
  append_le<std::uint8_t>(bytes_, 0x86);
  append_le<std::uint16_t>(bytes_, 9);
  append_le<std::uint8_t>(bytes_, 1);  // writeable
  append_le<std::uint32_t>(bytes_, base);
  append_le<std::uint32_t>(bytes_, length);
  return *this;
}

AmlResources& AmlResources::interrupt(std::uint32_t gsi, AmlTrigger trigger) {
  append_le<std::uint8_t>(bytes_, 0x89);
  append_le<std::uint16_t>(bytes_, 6);
  append_le(bytes_, trigger == AmlTrigger::kEdge ? kConsumerEdge : kConsumer);
  append_le<std::uint8_t>(bytes_, 1);  // one interrupt follows
  append_le<std::uint32_t>(bytes_, gsi);
  return *this;
}

Aml& Aml::name(std::string_view path) {
  opcode(0x08);  // NameOp
  name_string(path);
  return *this;
}

Aml& Aml::integer(std::uint64_t value) {
  if (value <= 1) {
    opcode(static_cast<std::uint8_t>(value));  // ZeroOp, OneOp
  } else if (value <= std::numeric_limits<std::uint8_t>::max()) {
    opcode(0x0a);
    append_le(out_, static_cast<std::uint8_t>(value));
  } else if (value <= std::numeric_limits<std::uint16_t>::max()) {
    opcode(0x0b);
    append_le(out_, static_cast<std::uint16_t>(value));
  } else if (value <= std::numeric_limits<std::uint32_t>::max()) {
    opcode(0x0c);
    append_le(out_, static_cast<std::uint32_t>(value));
  } else {
    opcode(0x0e);
    append_le(out_, value);
  }
  return *this;
}

Aml& Aml::string(std::string_view text) {
  assert(text.find('\0') == std::string_view::npos);
  opcode(0x0d);
  append_text(out_, text);
  opcode(0);
  return *this;
}

Aml& Aml::eisa_id(std::string_view id) {
  assert(id.size() == 7);
  const auto letter = [&](std::size_t i) {
    assert(id[i] >= 'A' && id[i] <= 'Z');
    return static_cast<std::uint32_t>(id[i] - 'A' + 1);
  };
  // Five bits a letter, four a digit, the most significant byte first: the one big-endian thing in
  // AML.
  const std::uint32_t packed = letter(0) << 26U | letter(1) << 21U | letter(2) << 16U |
                               hex_digit(id[3]) << 12U | hex_digit(id[4]) << 8U |
                               hex_digit(id[5]) << 4U | hex_digit(id[6]);
  opcode(0x0c);
  append_le(out_, __builtin_bswap32(packed));
  return *this;
}

Aml& Aml::buffer(std::span<const std::byte> data) {
  opcode(0x11);  // BufferOp
  const std::size_t start = out_.size();
  integer(data.size());
  out_.insert(out_.end(), data.begin(), data.end());
  return close(start);
}

Aml& Aml::resource_template(const AmlResources& resources) {
  std::vector<std::byte> bytes(resources.bytes().begin(), resources.bytes().end());
  bytes.insert(bytes.end(), kEndTag.begin(), kEndTag.end());
  return buffer(bytes);
}

void Aml::name_string(std::string_view path) {
  if (path.starts_with('\\')) {
    opcode('\\');
    path.remove_prefix(1);
  }
  std::vector<std::string_view> segments;
  for (std::size_t dot = 0; dot != std::string_view::npos;) {
    dot = path.find('.');
    segments.push_back(path.substr(0, dot));
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  if (segments.size() == 2) {
    opcode(0x2e);  // DualNamePrefix
  } else if (segments.size() > 2) {
    assert(segments.size() <= std::numeric_limits<std::uint8_t>::max());
    opcode(0x2f);  // MultiNamePrefix
    opcode(static_cast<std::uint8_t>(segments.size()));
  }
  for (const std::string_view segment : segments) {
    assert(is_name_segment(segment));
    append_text(out_, segment);
    out_.insert(out_.end(), kNameSegmentLength - segment.size(), std::byte{'_'});
  }
}

Aml& Aml::close(std::size_t start) {
  // PkgLength (20.2.4) counts its own bytes. One byte holds 6 bits; otherwise the first holds the
  // low 4 bits and, on top, how many bytes of 8 more bits follow.
  const std::size_t content = out_.size() - start;
  std::array<std::byte, 4> encoded{};
  std::size_t size = 1;
  if (content + 1 < 1U << 6U) {
    encoded[0] = static_cast<std::byte>(content + 1);
  } else {
    for (size = 2; content + size >= 1ULL << (4 + 8 * (size - 1)); ++size) {
      assert(size < encoded.size());
    }
    const std::size_t length = content + size;
    encoded[0] = static_cast<std::byte>((size - 1) << 6U | (length & 0xfU));
    for (std::size_t i = 1; i < size; ++i) {
      encoded[i] = static_cast<std::byte>(length >> (8 * i - 4));
    }
  }
  out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(start), encoded.begin(),
              encoded.begin() + static_cast<std::ptrdiff_t>(size));
  return *this;
}

}  // namespace bothy::arch
