#include "arch/aml.h"

#include <string>

#include "tests/support/catch.h"

namespace bothy::arch {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes(std::initializer_list<int> values) {
  Bytes result;
  for (const int value : values) {
    result.push_back(static_cast<std::byte>(value));
  }
  return result;
}

template <class Write>
Bytes written(Write&& write) {
  Bytes out;
  Aml aml(out);
  write(aml);
  return out;
}

// The PkgLength of a scope named FOO_ with `extra` bytes in it, which follow ScopeOp.
Bytes scope_start(std::size_t extra, std::size_t length_size) {
  Bytes out;
  Aml aml(out);
  aml.scope("FOO", [&] { out.insert(out.end(), extra, std::byte{0}); });
  REQUIRE(out.size() == 1 + length_size + 4 + extra);
  return Bytes(out.begin() + 1, out.begin() + 1 + static_cast<std::ptrdiff_t>(length_size));
}

}  // namespace

TEST_CASE("AML integers take the shortest form") {
  CHECK(written([](Aml& aml) { aml.integer(0); }) == bytes({0x00}));
  CHECK(written([](Aml& aml) { aml.integer(1); }) == bytes({0x01}));
  CHECK(written([](Aml& aml) { aml.integer(2); }) == bytes({0x0a, 2}));
  CHECK(written([](Aml& aml) { aml.integer(0xff); }) == bytes({0x0a, 0xff}));
  CHECK(written([](Aml& aml) { aml.integer(0x100); }) == bytes({0x0b, 0x00, 0x01}));
  CHECK(written([](Aml& aml) { aml.integer(0x10000); }) == bytes({0x0c, 0, 0, 1, 0}));
  CHECK(written([](Aml& aml) { aml.integer(0x123456789); }) ==
        bytes({0x0e, 0x89, 0x67, 0x45, 0x23, 0x01, 0, 0, 0}));
}

TEST_CASE("AML names are padded, and prefixed when they have several segments") {
  CHECK(written([](Aml& aml) { aml.name("\\_S5"); }) == bytes({0x08, '\\', '_', 'S', '5', '_'}));
  CHECK(written([](Aml& aml) { aml.name("_SB.COM1"); }) ==
        bytes({0x08, 0x2e, '_', 'S', 'B', '_', 'C', 'O', 'M', '1'}));
  CHECK(written([](Aml& aml) { aml.name("\\A.B.C"); }) ==
        bytes({0x08, '\\', 0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_', 'C', '_', '_', '_'}));
}

TEST_CASE("AML strings end with a NUL, EISA ids are compressed big-endian") {
  CHECK(written([](Aml& aml) { aml.string("ab"); }) == bytes({0x0d, 'a', 'b', 0}));
  // The two examples that everyone meets: an embedded controller, and the serial port.
  CHECK(written([](Aml& aml) { aml.eisa_id("PNP0C09"); }) == bytes({0x0c, 0x41, 0xd0, 0x0c, 0x09}));
  CHECK(written([](Aml& aml) { aml.eisa_id("PNP0501"); }) == bytes({0x0c, 0x41, 0xd0, 0x05, 0x01}));
}

TEST_CASE("AML package lengths count themselves, at every size") {
  CHECK(scope_start(0, 1) == bytes({5}));
  CHECK(scope_start(63 - 5, 1) == bytes({63}));
  CHECK(scope_start(64 - 5, 2) == bytes({0x41, 0x04}));  // 65: one more byte for the length itself
  CHECK(scope_start(0xfff - 6, 2) == bytes({0x4f, 0xff}));
  CHECK(scope_start(0x1000 - 6, 3) == bytes({0x81, 0x00, 0x01}));
  CHECK(scope_start(0xfffff - 7, 3) == bytes({0x8f, 0xff, 0xff}));
  CHECK(scope_start(0x100000 - 7, 4) == bytes({0xc1, 0x00, 0x00, 0x01}));
}

TEST_CASE("AML devices, packages and buffers nest") {
  CHECK(written([](Aml& aml) { aml.device("DEV", [&] { aml.name("_UID").integer(7); }); }) ==
        bytes({0x5b, 0x82, 12, 'D', 'E', 'V', '_', 0x08, '_', 'U', 'I', 'D', 0x0a, 7}));
  CHECK(written([](Aml& aml) { aml.package(2, [&] { aml.integer(5).integer(0); }); }) ==
        bytes({0x12, 5, 2, 0x0a, 5, 0}));
  CHECK(written([](Aml& aml) {
          aml.buffer(bytes({9, 8, 7}));
        }) == bytes({0x11, 6, 0x0a, 3, 9, 8, 7}));
}

TEST_CASE("AML resources are those of chapter 6.4") {
  AmlResources resources;
  resources.io(0x3f8, 8);
  CHECK(Bytes(resources.bytes().begin(), resources.bytes().end()) ==
        bytes({0x47, 1, 0xf8, 0x03, 0xf8, 0x03, 1, 8}));

  resources = {};
  resources.memory32_fixed(0xd0001000, 0x1000);
  CHECK(Bytes(resources.bytes().begin(), resources.bytes().end()) ==
        bytes({0x86, 9, 0, 1, 0x00, 0x10, 0x00, 0xd0, 0x00, 0x10, 0, 0}));

  resources = {};
  resources.interrupt(10, AmlTrigger::kEdge).interrupt(11, AmlTrigger::kLevel);
  CHECK(Bytes(resources.bytes().begin(), resources.bytes().end()) ==
        bytes({0x89, 6, 0, 3, 1, 10, 0, 0, 0, 0x89, 6, 0, 1, 1, 11, 0, 0, 0}));

  CHECK(written([](Aml& aml) { aml.resource_template(AmlResources().io(0x70, 2)); }) ==
        bytes({0x11, 13, 0x0a, 10, 0x47, 1, 0x70, 0, 0x70, 0, 1, 2, 0x79, 0}));
}

}  // namespace bothy::arch
