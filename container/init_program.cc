#include "container/init_program.h"

#include <cstddef>
#include <span>

#include "base/files.h"
#include "container/program_file.h"

extern "C" {
extern const std::byte kBothyContainerInitBegin[];
extern const std::byte kBothyContainerInitEnd[];
}

namespace bothy::container {

Result<UniqueFd> open_init_program() {
  BOTHY_TRY(UniqueFd file, make_program_file("init"));
  const std::span program(static_cast<const std::byte*>(kBothyContainerInitBegin),
                          static_cast<const std::byte*>(kBothyContainerInitEnd));
  BOTHY_TRY(write_all(file.get(), program, "the container's init"));
  BOTHY_TRY(seal_program_file(file.get()));
  return file;
}

}  // namespace bothy::container
