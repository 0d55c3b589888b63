#include "guest/embed/program.h"

extern "C" {
extern const std::byte kBothyGuestInitBegin[];
extern const std::byte kBothyGuestInitEnd[];
}

namespace bothy::guest {

std::span<const std::byte> guest_init_program() {
  return {static_cast<const std::byte*>(kBothyGuestInitBegin),
          static_cast<const std::byte*>(kBothyGuestInitEnd)};
}

}  // namespace bothy::guest
