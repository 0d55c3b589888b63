#include "memory/guest_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "tests/support/catch.h"

namespace bothy {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kHigh = 4096 * kMiB;

GuestMemory two_regions(MemoryBacking backing) {
  const std::array ranges{MemoryRange{0, 2 * kMiB}, MemoryRange{kHigh, kMiB}};
  auto memory = GuestMemory::create(ranges, backing);
  REQUIRE(memory.has_value());
  return std::move(memory).value();
}

}  // namespace

TEST_CASE("Guest memory checks the start and the length of every access") {
  auto memory = two_regions(MemoryBacking::kAnonymous);
  CHECK(memory.size() == 3 * kMiB);
  CHECK(memory.end() == kHigh + kMiB);

  CHECK(memory.contains(0, 2 * kMiB));
  CHECK_FALSE(memory.contains(0, 2 * kMiB + 1));
  CHECK(memory.contains(2 * kMiB - 1, 1));
  CHECK_FALSE(memory.contains(2 * kMiB - 1, 2));
  CHECK_FALSE(memory.contains(2 * kMiB, 0));
  CHECK_FALSE(memory.contains(2 * kMiB, 1));
  CHECK_FALSE(memory.contains(kHigh - 1, 2));
  CHECK(memory.contains(kHigh + kMiB - 8, 8));
  CHECK_FALSE(memory.contains(kHigh + kMiB - 8, 9));
  // A length that would wrap the address around.
  CHECK_FALSE(memory.contains(kHigh, std::numeric_limits<std::uint64_t>::max()));
  CHECK_FALSE(memory.contains(4096, std::numeric_limits<std::uint64_t>::max() - 4095));
  CHECK_FALSE(memory.contains(std::numeric_limits<std::uint64_t>::max(), 1));
}

TEST_CASE("Guest memory reads back what was written, and refuses other addresses") {
  auto memory = two_regions(MemoryBacking::kAnonymous);
  CHECK(memory.write<std::uint64_t>(kHigh + 16, 0x1122334455667788ULL));
  CHECK(memory.read<std::uint64_t>(kHigh + 16) == 0x1122334455667788ULL);
  CHECK(memory.read<std::uint8_t>(kHigh + 16) == 0x88);
  CHECK_FALSE(memory.write<std::uint64_t>(2 * kMiB - 4, 1));
  CHECK_FALSE(memory.read<std::uint64_t>(2 * kMiB - 4).has_value());
  // A refused write changes nothing.
  CHECK(memory.read<std::uint32_t>(2 * kMiB - 4) == 0U);
}

TEST_CASE("Shared guest memory is one sealed file that a peer sees") {
  auto memory = two_regions(MemoryBacking::kShared);
  REQUIRE(memory.fd() >= 0);
  REQUIRE(memory.write<std::uint32_t>(kHigh + 4, 0xfeedU));

  std::uint32_t seen = 0;
  const auto offset = static_cast<off_t>(memory.regions()[1].file_offset + 4);
  REQUIRE(::pread(memory.fd(), &seen, sizeof(seen), offset) == sizeof(seen));
  CHECK(seen == 0xfeedU);
  CHECK(::ftruncate(memory.fd(), 0) != 0);
}

TEST_CASE("More memory than an address space has is an error") {
  const std::array ranges{MemoryRange{0, 1ULL << 60U}};
  auto memory = GuestMemory::create(ranges, MemoryBacking::kAnonymous);
  REQUIRE(memory.has_error());
  CHECK(memory.error().code == ErrorCode::kExhausted);
}

TEST_CASE("Huge pages that the host's pool lacks are refused at creation") {
  const std::array ranges{MemoryRange{0, 1ULL << 40U}};
  const auto memory = GuestMemory::create(ranges, MemoryBacking::kSharedHuge);
  REQUIRE(memory.has_error());
  CHECK(memory.error().context.find("nr_hugepages") != std::string::npos);
}

TEST_CASE("Huge pages of the host are aligned as huge pages of the guest") {
  for (const MemoryBacking backing : {MemoryBacking::kAnonymous, MemoryBacking::kShared}) {
    const std::array ranges{MemoryRange{0, 5 * kMiB + 4096}, MemoryRange{kHigh, kMiB}};
    const auto memory = GuestMemory::create(ranges, backing);
    REQUIRE(memory.has_value());
    for (const GuestMemory::Region& region : memory.value().regions()) {
      CHECK(reinterpret_cast<std::uintptr_t>(region.mapping.data()) % (2 * kMiB) == 0);
      CHECK(region.mapping.size() == region.range.size);
    }
  }
}

TEST_CASE(
    "Discarded pages read as zeros and aren't the host's burden any more; their neighbours stay") {
  const auto backing = GENERATE(MemoryBacking::kAnonymous, MemoryBacking::kShared);
  const auto memory = two_regions(backing);
  const auto bytes = *memory.slice(kHigh, kMiB);
  std::fill(bytes.begin(), bytes.end(), std::byte{7});
  const auto resident = [&] {
    std::array<unsigned char, 256> pages{};
    REQUIRE(::mincore(bytes.data(), bytes.size(), pages.data()) == 0);
    return std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return (p & 1) != 0; });
  };
  REQUIRE(resident() == 256);
  // Only the pages that lie wholly in it.
  CHECK(memory.discard(kHigh + 4096 + 1, 3UL * 4096));
  CHECK(resident() == 254);
  CHECK(bytes[2UL * 4096 - 1] == std::byte{7});
  CHECK(bytes[2UL * 4096] == std::byte{0});
  CHECK(bytes[4UL * 4096 - 1] == std::byte{0});
  CHECK(bytes[4UL * 4096] == std::byte{7});
  CHECK(memory.discard(kHigh + 1, 100));
  CHECK(bytes[1] == std::byte{7});
  CHECK_FALSE(memory.discard(kHigh, kMiB + 1));
  CHECK_FALSE(memory.discard(2 * kMiB, 4096));
  CHECK(bytes[0] == std::byte{7});
}

TEST_CASE("The address of a slice is found again") {
  const auto memory = two_regions(MemoryBacking::kAnonymous);
  CHECK(memory.address_of(*memory.slice(kHigh + 5, 10)) == kHigh + 5);
  CHECK(memory.address_of(*memory.slice(0, 2 * kMiB)) == 0U);
  const std::array<std::byte, 4> elsewhere{};
  CHECK(!memory.address_of(elsewhere));
}

}  // namespace bothy
