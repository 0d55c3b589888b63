#include "container/init_program.h"

#include <cstddef>
#include <span>

#include "container/program_file.h"

extern "C" {
extern const std::byte kBothyContainerInitBegin[];
extern const std::byte kBothyContainerInitEnd[];
}

namespace bothy::container {

Result<UniqueFd> open_init_program() {
  return make_program_file("init",
                           std::span(static_cast<const std::byte*>(kBothyContainerInitBegin),
                                     static_cast<const std::byte*>(kBothyContainerInitEnd)));
}

}  // namespace bothy::container
