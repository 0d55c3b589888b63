#include "devices/virtio/queue/orphans.h"

#include <algorithm>
#include <map>

#include "devices/virtio/queue/ring_layout.h"

namespace bothy::virtio {
namespace {

// Of both rings (virtio 1.2, 2.7.6 and 2.7.8): the index, then the entries.
constexpr GuestAddress kIndex = 2;
constexpr GuestAddress kRing = 4;

// Both rings, copied once: the guest may change them.
struct Rings {
  std::uint16_t available = 0;  // the driver's index
  std::uint16_t used = 0;       // the device's
  std::vector<std::uint16_t> offered;
  std::vector<std::uint32_t> done;
};

std::optional<Rings> copy_rings(const GuestMemory& memory, const QueueConfig& config) {
  Rings rings;
  const auto available = memory.read<std::uint16_t>(config.driver_area + kIndex);
  const auto used = memory.read<std::uint16_t>(config.device_area + kIndex);
  if (!available || !used) {
    return std::nullopt;
  }
  rings.available = *available;
  rings.used = *used;
  for (std::size_t i = 0; i < config.size; ++i) {
    const auto head =
        memory.read<std::uint16_t>(config.driver_area + kRing + i * sizeof(std::uint16_t));
    const auto element =
        memory.read<UsedElement>(config.device_area + kRing + i * sizeof(UsedElement));
    if (!head || !element || *head >= config.size) {
      return std::nullopt;
    }
    rings.offered.push_back(*head);
    rings.done.push_back(element->id);
  }
  return rings;
}

// The requests offered and not completed, among the last `window` entries of the available ring.
// Nothing when the window is inconsistent: a request was offered before it and completed within, or
// the reverse.
std::optional<std::vector<std::uint16_t>> missing_from(const Rings& rings, std::size_t window) {
  const std::size_t size = rings.offered.size();
  const auto start = static_cast<std::uint16_t>(rings.available - window);
  std::vector<int> count(size);
  for (std::uint16_t at = start; at != rings.available; ++at) {
    ++count[rings.offered[at % size]];
  }
  for (std::uint16_t at = start; at != rings.used; ++at) {
    const std::uint32_t head = rings.done[at % size];
    if (head >= size) {
      return std::nullopt;
    }
    --count[head];
  }
  std::vector<std::uint16_t> heads;
  for (std::size_t head = 0; head < size; ++head) {
    if (count[head] < 0 || count[head] > 1) {
      return std::nullopt;
    }
    if (count[head] == 1) {
      heads.push_back(static_cast<std::uint16_t>(head));
    }
  }
  return heads;
}

}  // namespace

std::optional<Orphans> find_orphans(const GuestMemory& memory, const QueueConfig& config) {
  const auto rings = copy_rings(memory, config);
  if (!rings) {
    return std::nullopt;
  }
  const auto out = static_cast<std::uint16_t>(rings->available - rings->used);
  if (out > config.size) {
    return std::nullopt;
  }
  // Requests are not completed in order. A window that starts while none was in flight is exact,
  // and any other may look consistent by chance: so each has a vote.
  std::map<std::vector<std::uint16_t>, std::size_t> votes;
  for (std::size_t window = config.size; window >= out && window > 0; --window) {
    if (auto heads = missing_from(*rings, window)) {
      ++votes[std::move(*heads)];
    }
  }
  Orphans orphans{{.next_available = rings->available, .next_used = rings->used}, {}};
  if (out > 0) {
    const auto winner =
        std::ranges::max_element(votes, {}, [](const auto& one) { return one.second; });
    if (winner == votes.end()) {
      return std::nullopt;
    }
    orphans.heads = winner->first;
  }
  return orphans;
}

}  // namespace bothy::virtio
