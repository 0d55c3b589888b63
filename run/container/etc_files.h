// The files of /etc that bothy gives a container: in the instance's directory, to be bind-mounted,
// so that a read-only root file system needn't be written.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "run/run_options.h"

namespace bothy::run {

struct EtcFiles {
  std::string directory;
  bool has_resolv_conf = false;  // otherwise the image's own stays
};

// Writes `hosts`, `hostname` and `resolv.conf` to a directory, owned by `user` and `group`, ids of
// the host; -1: the caller. With the host's network, or one of its namespaces, name servers are the
// host's unless --dns names some.
[[nodiscard]] Result<EtcFiles> write_etc_files(const std::string& directory,
                                               const RunOptions& options, std::int64_t user,
                                               std::int64_t group);

}  // namespace bothy::run
