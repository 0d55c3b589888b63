#include "devices/virtio/fs/fallback.h"

#include <cerrno>

#include "devices/virtio/queue/orphans.h"
#include "devices/virtio/queue/split_queue.h"

namespace bothy::virtio {
namespace {

// The headers of requests and answers (fuse_in_header and fuse_out_header in linux/fuse.h).
struct FuseIn {
  std::uint32_t length = 0;
  std::uint32_t operation = 0;
  std::uint64_t unique = 0;
  std::uint64_t node = 0;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::uint32_t process = 0;
  std::uint32_t padding = 0;
};
struct FuseOut {
  std::uint32_t length = sizeof(FuseOut);
  std::int32_t error = -ENOTCONN;
  std::uint64_t unique = 0;
};
static_assert(sizeof(FuseIn) == 40 && sizeof(FuseOut) == 16);

}  // namespace

void answer_not_connected(Chain chain) noexcept {
  const auto request = chain.reader().read<FuseIn>();
  FuseOut answer;
  answer.unique = request ? request->unique : 0;
  const bool answered = request && chain.writer().write(answer);
  chain.complete(answered ? sizeof(answer) : 0);
}

std::unique_ptr<Queue> take_over_fs_queue(const GuestMemory& memory, const QueueConfig& config,
                                          RingFeatures features) {
  const auto orphans = find_orphans(memory, config);
  if (!orphans) {
    return nullptr;
  }
  features.packed = false;  // never offered with a back end
  auto queue = SplitQueue::create(memory, config, features, orphans->state);
  if (!queue) {
    return nullptr;
  }
  for (const std::uint16_t head : orphans->heads) {
    if (auto chain = static_cast<SplitQueue&>(*queue.value()).adopt(head)) {
      answer_not_connected(std::move(*chain));
    }
  }
  return std::move(queue).value();
}

}  // namespace bothy::virtio
