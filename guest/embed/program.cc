#include "guest/embed/program.h"

extern "C" {
extern const std::byte bothy_guest_init_begin[];
extern const std::byte bothy_guest_init_end[];
}

namespace bothy::guest {

std::span<const std::byte> guest_init_program() {
  return {static_cast<const std::byte*>(bothy_guest_init_begin),
          static_cast<const std::byte*>(bothy_guest_init_end)};
}

}  // namespace bothy::guest
