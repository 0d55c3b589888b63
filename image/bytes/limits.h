// Limits: what one import, download or disk of an image may cost, all layers together. A few
// hundred bytes of a layer can unpack to anything. Budget: what it has cost so far.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace bothy::image {

enum class Resource : std::uint8_t {
  kContent,   // bytes of files, holes included
  kArchive,   // bytes of tar archives, unpacked
  kDownload,  // bytes that a registry sends
  kEntries,   // of tar archives
  kInodes,    // files and directories made, those included that no entry names
  kMetadata,  // bytes of names, link targets, extended attributes and extended headers
  kSteps,     // names looked up on the way along paths, and entries visited by whiteouts
};
inline constexpr std::size_t kResourceCount = 7;

// The defaults are documented in docs/images.md.
struct Limits {
  static constexpr std::uint64_t kStepsPerInode = 64;

  std::uint64_t content_bytes = 64ULL << 30U;
  std::uint64_t archive_bytes = 64ULL << 30U;
  std::uint64_t download_bytes = 64ULL << 30U;
  std::uint64_t entries = 1ULL << 20U;
  std::uint64_t inodes = 1ULL << 20U;  // each takes up to 300 bytes of memory
  std::uint64_t metadata_bytes = 128ULL << 20U;
  std::uint64_t lookup_steps = kStepsPerInode << 20U;

  // Sets all limits on bytes of content, archives and downloads.
  void set_size(std::uint64_t bytes) noexcept;
  // Sets the limits on inodes and entries, and that on look-up steps in proportion.
  void set_inodes(std::uint64_t count) noexcept;

  [[nodiscard]] std::uint64_t of(Resource resource) const noexcept;
};

// Not copied: everything that works on one image counts on the same one. One thread at a time.
class Budget {
 public:
  explicit Budget(const Limits& limits) noexcept : limits_(limits) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
  ~Budget() = default;

  // Counts `amount` more, before it is spent. kBadInput, with the limit's name and the flag that
  // raises it, when there is not so much left; then nothing is counted.
  [[nodiscard]] Result<void> spend(Resource resource, std::uint64_t amount);
  [[nodiscard]] std::uint64_t spent(Resource resource) const noexcept {
    return spent_[static_cast<std::size_t>(resource)];
  }
  [[nodiscard]] std::uint64_t left(Resource resource) const noexcept {
    return limits_.of(resource) - spent(resource);
  }

 private:
  const Limits limits_;
  std::array<std::uint64_t, kResourceCount> spent_{};
};

// The error of a limit that is exceeded.
[[nodiscard]] Error limit_error(Resource resource, std::uint64_t limit);

}  // namespace bothy::image
