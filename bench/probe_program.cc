#include "bench/probe_program.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <span>

#include "base/files.h"
#include "bench/probe/probe.h"

extern "C" {
extern const std::byte kBothyBenchProbeBegin[];
extern const std::byte kBothyBenchProbeEnd[];
}

namespace bothy::bench {

static_assert(kProbeFirstByte == probe::kFirstByte);

Result<void> write_probe_program(const std::string& path) {
  BOTHY_TRY(const UniqueFd file, open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));
  const std::span program(static_cast<const std::byte*>(kBothyBenchProbeBegin),
                          static_cast<const std::byte*>(kBothyBenchProbeEnd));
  BOTHY_TRY(write_all(file.get(), program, path));
  if (::fchmod(file.get(), 0755) != 0) {
    return errno_error("can't make '" + path + "' executable");
  }
  return success();
}

}  // namespace bothy::bench
