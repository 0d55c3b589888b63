// Disks with direct I/O (O_DIRECT), whose buffers must be aligned.
#include <fcntl.h>

#include <cstring>

#include "devices/virtio/block/block.h"
#include "tests/unit/devices/virtio/block/block_rig.h"

namespace bothy::virtio {
namespace {

bool has_direct() {
  const test::TemporaryFile probe(kMiB);
  const UniqueFd fd(::open(probe.path().c_str(), O_RDONLY | O_DIRECT));
  if (!fd) {
    WARN("the file system has no O_DIRECT: nothing is tested");
  }
  return static_cast<bool>(fd);
}

}  // namespace

TEST_CASE("Direct I/O: unaligned requests use the bounce buffer") {
  const BlockRigKind kind = each_kind();
  if (!has_direct()) {
    return;
  }
  BlockRig rig(kind, 2 * kMiB, [](DiskConfig& config) { config.direct = true; });
  rig.start();
  std::string text;
  for (unsigned i = 0; i < 700 * 1024; ++i) {
    text += static_cast<char>(i / 512);
  }
  const GuestAddress odd = 0x100003;
  const GuestAddress even = 0x200000;
  REQUIRE(rig.ring.memory().write_bytes(odd, std::as_bytes(std::span(text))));
  const auto transfer = [&](std::uint32_t type, GuestAddress data, std::uint32_t length) {
    const GuestAddress status = rig.driver.make_status();
    rig.ring.add({{16, false, rig.driver.make_header(type, 8)},
                  {length, type == VIRTIO_BLK_T_IN, data},
                  {1, true, status}});
    return status;
  };
  const auto length = static_cast<std::uint32_t>(text.size());
  const GuestAddress written = transfer(VIRTIO_BLK_T_OUT, odd, length);
  rig.wait();
  CHECK(rig.ring.memory().read<std::uint8_t>(written) == kOk);
  CHECK(rig.file.read(4096, text.size()) == text);
  // Two unaligned requests and an aligned one, at once.
  const std::vector<GuestAddress> statuses{transfer(VIRTIO_BLK_T_IN, odd + 1, length),
                                           transfer(VIRTIO_BLK_T_IN, 0x380001, 8192),
                                           transfer(VIRTIO_BLK_T_IN, even, length)};
  rig.wait(3);
  for (const GuestAddress status : statuses) {
    CHECK(rig.ring.memory().read<std::uint8_t>(status) == kOk);
  }
  for (const GuestAddress data : {odd + 1, even}) {
    const auto bytes = *rig.ring.memory().slice(data, length);
    CHECK(std::memcmp(bytes.data(), text.data(), length) == 0);
  }
  CHECK(std::memcmp(rig.ring.memory().slice(0x380001, 8192)->data(), text.data(), 8192) == 0);
}

TEST_CASE("Direct I/O: a read with an unaligned first buffer and an aligned second one") {
  const BlockRigKind kind = each_kind();
  if (!has_direct()) {
    return;
  }
  BlockRig rig(kind, 2 * kMiB, [](DiskConfig& config) { config.direct = true; });
  rig.start();
  constexpr std::uint32_t kFirst = 256 * 1024;  // the size of the bounce buffer
  constexpr std::uint32_t kSecond = 1024 * 1024;
  std::string text;
  for (unsigned i = 0; i < (kFirst + kSecond) / 16; ++i) {
    text += fmt::format("{:015}\n", i);
  }
  rig.file.write(0, std::as_bytes(std::span(text)));
  const GuestAddress odd = 0x100001;
  const GuestAddress even = 0x200000;
  const GuestAddress status = rig.driver.make_status();
  rig.ring.add({{16, false, rig.driver.make_header(VIRTIO_BLK_T_IN, 0)},
                {kFirst, true, odd},
                {kSecond, true, even},
                {1, true, status}});
  rig.wait();
  CHECK(rig.ring.memory().read<std::uint8_t>(status) == kOk);
  CHECK(std::memcmp(rig.ring.memory().slice(odd, kFirst)->data(), text.data(), kFirst) == 0);
  CHECK(std::memcmp(rig.ring.memory().slice(even, kSecond)->data(), text.data() + kFirst,
                    kSecond) == 0);
}

}  // namespace bothy::virtio
