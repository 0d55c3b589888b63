#include "arch/layout.h"
#include "devices/virtio/block/kind.h"
#include "devices/virtio/console/kind.h"
#include "devices/virtio/rng/kind.h"
#include "tests/support/catch.h"
#include "vmm/machine/virtio_devices.h"

namespace bothy {

TEST_CASE("A machine has a window for each virtio device, and one for all ports") {
  MachineConfig config;
  config.console.kind = ConsoleKind::kSerial;
  CHECK(virtio_windows(config).empty());
  add_device(config, disk_kind().parse("a", 0).value());
  add_device(config, port_kind().parse("one", 0).value());
  add_device(config, port_kind().parse("two", 1).value());
  add_device(config, disk_kind().parse("b", 1).value());
  add_device(config, rng_kind().parse("", 0).value());
  add_device(config, rng_kind().parse("", 0).value());
  CHECK(virtio_windows(config).size() == 4);
  config.console.kind = ConsoleKind::kVirtio;
  const auto windows = virtio_windows(config);
  REQUIRE(windows.size() == 5);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    CHECK(windows[i].address == layout::kVirtioMmio + i * layout::kVirtioMmioStride);
    CHECK(windows[i].gsi == layout::kGsiVirtioFirst + i);
  }
}

}  // namespace bothy
