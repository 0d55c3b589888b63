#include "arch/kernel_parameters.h"

#include <array>

#include "arch/layout.h"
#include "tests/support/catch.h"

namespace bothy::arch {

TEST_CASE("The frequency of the time stamp counters is a parameter where it is known") {
  CHECK(default_kernel_parameters(0) ==
        std::vector<std::string>{"pci=off", "panic=-1", "reboot=panic_warm"});
  CHECK(default_kernel_parameters(2'400'000).back() == "tsc_early_khz=2400000");
}

TEST_CASE("A panic is recorded by the warm-boot flag") {
  const std::array ranges{MemoryRange{0, layout::kMiB}};
  GuestMemory memory = GuestMemory::create(ranges, MemoryBacking::kAnonymous).value();
  CHECK_FALSE(panic_recorded(memory));
  REQUIRE(memory.write<std::uint16_t>(layout::kWarmBootFlag, layout::kWarmBootMagic));
  CHECK(panic_recorded(memory));
}

}  // namespace bothy::arch
