// TarExtension: the fields that the extended headers before an entry set.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/tar/header.h"

namespace bothy::image {

// Of one sparse file.
inline constexpr std::size_t kMaxTarRuns = 1U << 18U;

struct TarExtension {
  std::optional<std::string> path;
  std::optional<std::string> link;
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> uid;
  std::optional<std::uint64_t> gid;
  std::optional<TarTime> mtime;
  std::map<std::string, std::string> xattrs;
  std::map<std::string, std::string>
      encoded_xattrs;                      // by libarchive's key; `xattrs` has precedence
  std::optional<std::uint64_t> real_size;  // of a sparse file
  std::vector<TarRun> runs;
  bool sparse = false;
  bool map_in_content = false;  // GNU sparse 1.0

  // Applies one record of a pax header. kBadInput for an invalid value.
  [[nodiscard]] Result<void> set(std::string_view key, std::string_view value);

 private:
  [[nodiscard]] Result<void> set_sparse(std::string_view key, std::string_view value);
};

}  // namespace bothy::image
