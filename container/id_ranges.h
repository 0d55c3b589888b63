// Ranges of ids for the user namespaces of root's containers: each has one of its own, so that
// nothing of one container belongs to another, or to a user of the host.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/id_mapping.h"
#include "base/result.h"
#include "base/subordinate_ids.h"
#include "base/unique_fd.h"

namespace bothy::container {

// Of each container, as many as ids that the files of images have (0 to 65534).
inline constexpr std::uint32_t kIdsOfContainer = 65536;
// The range that systemd sets apart for containers (systemd.io/UIDS-GIDS).
inline constexpr IdRange kContainerIds{524288, 1878523904};

// Held by its descriptor, and by those of processes forked off; free again after the last one's
// end, however that comes.
struct ReservedIds {
  std::uint32_t start = 0;
  UniqueFd lock;

  // 0 and up in the container, users and groups.
  [[nodiscard]] IdMappings mappings() const;
};

// Reserves a range that no other container of `directory`, root's directory of instances, has and
// that isn't among `taken`. The same id gets the same range whenever that is free. kExhausted when
// none is free.
[[nodiscard]] Result<ReservedIds> reserve_ids(const std::string& directory, std::string_view id,
                                              std::span<const IdRange> taken);

}  // namespace bothy::container
