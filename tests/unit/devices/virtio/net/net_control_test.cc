#include "devices/virtio/net/control.h"

#include "devices/virtio/net/layout.h"
#include "tests/support/catch.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::VirtioDriver;
using Bytes = std::vector<std::uint8_t>;

struct Target final : NetControlTarget {
  bool agree = true;
  std::vector<std::string> calls;

  bool set_mac(const MacAddress& mac) override {
    calls.push_back(fmt::format("mac {}", mac[5]));
    return agree;
  }
  bool set_pairs(std::uint16_t count) override {
    calls.push_back(fmt::format("pairs {}", count));
    return agree;
  }
  bool set_guest_offloads(std::uint64_t features) override {
    calls.push_back(fmt::format("offloads {:#x}", features));
    return agree;
  }
};

// The byte of the answer; 0xee if the device didn't write it.
std::uint8_t command(Target& target, const Bytes& bytes, std::uint32_t room = 1) {
  VirtioDriver driver;
  const auto queue = driver.queue();
  const auto head = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), 2));
  driver.add({{head}, {static_cast<std::uint32_t>(bytes.size()) - head}, {room, true}});
  const auto at = driver.addresses();
  REQUIRE(driver.memory().write_bytes(at[0], std::as_bytes(std::span(bytes).first(head))));
  REQUIRE(driver.memory().write_bytes(at[1], std::as_bytes(std::span(bytes).subspan(head))));
  REQUIRE(driver.memory().write<std::uint8_t>(at[2], 0xee));
  serve_net_control(std::move(queue->pop().value()), target);
  CHECK(queue->needs_signal());
  CHECK(driver.take()->length == std::min(room, 1U));
  return driver.memory().read<std::uint8_t>(at[2]).value();
}

}  // namespace

TEST_CASE("Commands are executed and answered") {
  Target target;
  CHECK(command(target, {1, 1, 2, 0, 0, 0, 0, 9}) == kNetOk);
  CHECK(command(target, {4, 0, 3, 0}) == kNetOk);
  CHECK(command(target, {5, 0, 0x82, 0, 0, 0, 0, 0, 0, 0}) == kNetOk);
  CHECK(target.calls == std::vector<std::string>{"mac 9", "pairs 3", "offloads 0x82"});
  target.agree = false;
  CHECK(command(target, {1, 1, 2, 0, 0, 0, 0, 9}) == kNetError);
  CHECK(command(target, {4, 0, 3, 0}) == kNetError);
  CHECK(command(target, {5, 0, 0x82, 0, 0, 0, 0, 0, 0, 0}) == kNetError);
}

TEST_CASE("Receive modes and filters succeed without effect") {
  Target target;
  for (std::uint8_t mode = 0; mode <= kNetRxLast; ++mode) {
    CHECK(command(target, {0, mode, 1}) == kNetOk);
  }
  CHECK(command(target, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}) == kNetOk);
  CHECK(command(target, {1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1}) ==
        kNetOk);
  CHECK(target.calls.empty());
}

TEST_CASE("Invalid commands fail") {
  Target target;
  const Bytes bytes = GENERATE(
      // empty, incomplete, an unknown class, an unknown command of a class
      Bytes{}, Bytes{4}, Bytes{200, 0, 1, 1}, Bytes{0, 6, 1}, Bytes{1, 2, 0, 0, 0, 0, 0, 9},
      Bytes{4, 1, 3, 0}, Bytes{5, 1, 0, 0, 0, 0, 0, 0, 0, 0},
      // no data or too little
      Bytes{0, 0}, Bytes{1, 1, 2, 0, 0, 0, 0}, Bytes{4, 0, 3}, Bytes{5, 0, 1, 2, 3, 4},
      // tables with fewer entries than their count
      Bytes{1, 0, 1, 0, 0, 0, 0, 0, 0, 0}, Bytes{1, 0, 255, 255, 255, 255, 0, 0, 0, 0},
      Bytes{1, 0, 0, 0, 0, 0, 255, 255, 255, 127}, Bytes{1, 0, 0, 0, 0, 0});
  CHECK(command(target, bytes) == kNetError);
  CHECK(target.calls.empty());
}

TEST_CASE("A command without a byte for the answer isn't executed") {
  Target target;
  CHECK(command(target, {4, 0, 3, 0}, 0) == 0xee);
  CHECK(target.calls.empty());
}

}  // namespace bothy::virtio
