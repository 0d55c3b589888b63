// A bundle: a directory with a config.json and a root file system (runtime-spec, bundle.md).
#pragma once

#include <string>

#include "base/result.h"
#include "container/spec.h"

namespace bothy::oci {

struct Bundle {
  std::string directory;    // absolute
  std::string config;       // the config.json
  container::OciSpec spec;  // relative paths of the host made absolute
};

// kNotFound for a directory or config.json that doesn't exist, kBadInput for a config.json that
// can't be used; kInvalid for what bothy doesn't support.
[[nodiscard]] Result<Bundle> load_bundle(const std::string& directory);

// Makes the relative paths of a config.json in `directory` absolute.
void resolve_paths(container::OciSpec& spec, const std::string& directory);

// Leaves out capabilities of a process of the container that this process can't grant: they are no
// failure (config.md, Linux Process).
void leave_out_missing(container::Process& process, const container::OciSpec& spec) noexcept;

}  // namespace bothy::oci
