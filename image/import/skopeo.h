// Skopeo: the program that fetches images from registries, and knows their credentials, mirrors and
// proxies.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/store/documents.h"

namespace bothy::image {

// While skopeo talks to a registry it may write to `scratch` alone and read what it needs:
// programs, /etc, the user's credentials and settings. It gains no privileges by what it executes.
class Skopeo {
 public:
  // Chooses `platform` where an image is for several.
  explicit Skopeo(const Platform& platform);

  // The manifest or index of `reference` (docker://...), as the registry has it, at most
  // kMaxDocumentSize. `scratch` is a directory to write in. kSystem when the registry can't be
  // reached or has not answered within `timeout`; kNotFound when skopeo is not installed.
  [[nodiscard]] Result<std::string> manifest(const std::string& reference,
                                             const std::string& scratch,
                                             std::chrono::milliseconds timeout) const;

  // Copies an image into `layout`, an OCI layout to be made in `scratch`. skopeo is ended when any
  // of its files is larger than `max_file_size`, or when `on_tick`, which is called every 200 ms,
  // says false; the result is then an error that says little, since the caller knows why.
  [[nodiscard]] Result<void> copy(const std::string& source, const std::string& layout,
                                  const std::string& scratch, std::uint64_t max_file_size,
                                  const std::function<bool()>& on_tick) const;

 private:
  std::vector<std::string> arguments_;
};

// One line from skopeo's error messages: what failed, why, and what to do. `reference` may name a
// registry (docker://HOST/...) or be anything else that skopeo takes.
[[nodiscard]] Error skopeo_error(std::string_view reference, std::string_view output);

// The registry of `reference` has sent nothing for this time.
[[nodiscard]] Error stall_error(std::string_view reference, std::chrono::seconds time);

}  // namespace bothy::image
