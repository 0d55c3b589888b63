// Aml: writes ACPI Machine Language, the byte code that devices are described in (ACPI 6.5, 20.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace bothy::arch {

// Little-endian bytes at the end of `out`: how every ACPI structure is laid out (5.2).
template <class T>
void append_le(std::vector<std::byte>& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
}

enum class AmlTrigger { kLevel, kEdge };

// The resources of one device, as its _CRS gives them (6.4). The guest is their consumer;
// interrupts are active-high and not shared.
class AmlResources {
 public:
  // `length` ports from `port`, all 16 address bits decoded (6.4.2.5).
  AmlResources& io(std::uint16_t port, std::uint8_t length);
  // Read-write memory (6.4.3.4).
  AmlResources& memory32_fixed(std::uint32_t base, std::uint32_t length);
  // One global system interrupt (6.4.3.6).
  AmlResources& interrupt(std::uint32_t gsi, AmlTrigger trigger);

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

// Appends terms to a vector that outlives it. What contains other terms takes a function that
// writes them:
//   aml.device("COM1", [&] { aml.name("_UID").integer(0); });
// Names come from this program, never from a user: a malformed one is an assert.
class Aml {
 public:
  explicit Aml(std::vector<std::byte>& out) noexcept : out_(out) {}

  template <class Body>
  Aml& scope(std::string_view path, Body&& body) {
    opcode(0x10);  // ScopeOp
    const std::size_t start = out_.size();
    name_string(path);
    body();
    return close(start);
  }

  template <class Body>
  Aml& device(std::string_view path, Body&& body) {
    opcode(0x5b);  // ExtOpPrefix
    opcode(0x82);  // DeviceOp
    const std::size_t start = out_.size();
    name_string(path);
    body();
    return close(start);
  }

  // `body` writes exactly `elements` objects.
  template <class Body>
  Aml& package(std::uint8_t elements, Body&& body) {
    opcode(0x12);  // PackageOp
    const std::size_t start = out_.size();
    opcode(elements);
    body();
    return close(start);
  }

  // The named object's value is the next term written.
  Aml& name(std::string_view path);
  // In the shortest form there is.
  Aml& integer(std::uint64_t value);
  // ASCII without a NUL, which ends it.
  Aml& string(std::string_view text);
  // Three capital letters and four hexadecimal digits, compressed into an integer (19.6, EISAID).
  Aml& eisa_id(std::string_view id);
  Aml& buffer(std::span<const std::byte> data);
  Aml& resource_template(const AmlResources& resources);

 private:
  void opcode(std::uint8_t value) { out_.push_back(static_cast<std::byte>(value)); }
  void name_string(std::string_view path);
  // Puts the PkgLength of what was written since `start` in front of it.
  Aml& close(std::size_t start);

  std::vector<std::byte>& out_;
};

}  // namespace bothy::arch
