#include "vmm/machine/machine_config.h"

#include "arch/layout.h"
#include "tests/support/catch.h"

namespace bothy {

using layout::kMiB;

TEST_CASE("A machine's fields are held to their ranges, and the error names the flag") {
  MachineConfig good;
  good.kernel = "vmlinux";
  REQUIRE(validate(good).has_value());

  const auto refused = [&good](auto change, std::string_view words) {
    MachineConfig config = good;
    change(config);
    const auto result = validate(config);
    REQUIRE(result.has_error());
    CHECK(result.error().code == ErrorCode::kInvalid);
    INFO(result.error().context);
    CHECK(result.error().context.find(words) != std::string::npos);
  };
  refused([](MachineConfig& config) { config.kernel.clear(); }, "--kernel");
  refused([](MachineConfig& config) { config.vcpus = 0; }, "--cpus: 0 is out of range");
  refused([](MachineConfig& config) { config.vcpus = 65; }, "--cpus: 65 is out of range");
  refused([](MachineConfig& config) { config.memory = 512; }, "--memory: 512 bytes");
  refused([](MachineConfig& config) { config.memory = 1ULL << 62U; },
          "more than a guest can address");
  refused([](MachineConfig& config) { config.memory = 64 * kMiB + 1; }, "multiple of 4 KiB");
  refused(
      [](MachineConfig& config) {
        config.memory = 65 * kMiB;
        config.backing = MemoryBacking::kSharedHuge;
      },
      "multiple of 2048 KiB");
}

}  // namespace bothy
