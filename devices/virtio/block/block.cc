#include "devices/virtio/block/block.h"

#include <linux/virtio_blk.h>
#include <pthread.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <system_error>

#include "base/signals.h"
#include "devices/virtio/config_space.h"

namespace bothy::virtio {
namespace {

// Header and status take a descriptor each, and no chain is longer than the queue (2.7.5.3.1).
constexpr std::uint32_t kMaxDataBuffers = Block::kQueueSize - 2;

template <class T>
T clamped(std::uint64_t value) noexcept {
  return static_cast<T>(std::min<std::uint64_t>(value, std::numeric_limits<T>::max()));
}

void describe(const DiskGeometry& geometry, virtio_blk_config& config) noexcept {
  const std::uint32_t block = geometry.logical_block;
  config.blk_size = block;
  config.physical_block_exp =
      static_cast<std::uint8_t>(std::countr_zero(geometry.physical_block / block));
  config.alignment_offset = clamped<std::uint8_t>(geometry.alignment_offset / block);
  config.min_io_size = clamped<std::uint16_t>(geometry.minimum_io / block);
  config.opt_io_size = geometry.optimal_io / block;
  config.discard_sector_alignment =
      std::max(geometry.discard_granularity / std::uint32_t{DiskFile::kSector}, 1U);
}

}  // namespace

Result<std::unique_ptr<Block>> Block::create(const DiskConfig& config,
                                             std::optional<IoEngineKind> engine) {
  BOTHY_TRY(validate(config));
  BOTHY_TRY(DiskFile file, DiskFile::open(config));
  BOTHY_TRY(const std::uint64_t length, file.length());
  if (length % DiskFile::kSector != 0) {
    log(LogLevel::kWarning,
        "disk {}: the last {} bytes are an incomplete sector and hidden from the guest",
        config.path, length % DiskFile::kSector);
  }
  if (!engine) {
    std::string why;
    engine = choose_io_engine(why);
    if (engine == IoEngineKind::kThreads) {
      log(LogLevel::kInfo, "disk {}: using threads instead of io_uring: {}", config.path, why);
    }
  }
  BOTHY_TRY(EventFd stop, EventFd::create());
  std::unique_ptr<Block> block(new Block(std::move(file), config, *engine, std::move(stop)));
  BOTHY_TRY(const std::uint64_t capacity, block->read_capacity());
  if (capacity == 0) {
    return make_error(ErrorCode::kInvalid,
                      "disk {} is empty: set its size, for example with 'truncate -s 1G {}'",
                      config.path, config.path);
  }
  block->disk_.capacity = capacity;
  block->last_read_capacity_ = capacity;
  return block;
}

Block::Block(DiskFile file, const DiskConfig& config, IoEngineKind engine, EventFd stop)
    : disk_(std::move(file), config),
      engine_(engine),
      stop_(std::move(stop)),
      queue_sizes_(config.queues, kQueueSize) {}

Block::~Block() {
  static_cast<void>(stop());
}

std::uint64_t Block::features() const noexcept {
  std::uint64_t features = feature(VIRTIO_BLK_F_SEG_MAX) | feature(VIRTIO_BLK_F_BLK_SIZE) |
                           feature(VIRTIO_BLK_F_TOPOLOGY);
  if (disk_.config.queues > 1) {
    features |= feature(VIRTIO_BLK_F_MQ);
  }
  if (disk_.config.read_only) {
    return features | feature(VIRTIO_BLK_F_RO);
  }
  if (disk_.config.cache != DiskCache::kUnsafe) {
    features |= feature(VIRTIO_BLK_F_FLUSH) | feature(VIRTIO_BLK_F_CONFIG_WCE);
  }
  if (disk_.discards()) {
    features |= feature(VIRTIO_BLK_F_DISCARD);
  }
  return features | feature(VIRTIO_BLK_F_WRITE_ZEROES);
}

void Block::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
  virtio_blk_config config{};
  if (offset == 0) {
    last_read_capacity_ = disk_.capacity.load();
  }
  config.capacity = last_read_capacity_;
  config.seg_max = kMaxDataBuffers;
  describe(disk_.file.geometry(), config);
  config.wce = write_back_ ? 1 : 0;
  config.num_queues = disk_.config.queues;
  config.max_discard_sectors = BlockDisk::kMaxSegmentSectors;
  config.max_discard_seg = BlockDisk::kMaxSegments;
  config.max_write_zeroes_sectors = BlockDisk::kMaxSegmentSectors;
  config.max_write_zeroes_seg = BlockDisk::kMaxSegments;
  config.write_zeroes_may_unmap = 1;
  read_config_space(config, offset, data);
}

void Block::write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  if (offset == offsetof(virtio_blk_config, wce) && data.size() == 1) {
    set_write_back(data.front() != std::byte{0});
  }
}

void Block::set_write_back(bool on) noexcept {
  write_back_ = on;
  // A driver without FLUSH can't request durability, so all its writes are durable (5.2.6.2).
  const bool flushes = (features_ & feature(VIRTIO_BLK_F_FLUSH)) != 0;
  disk_.write_through = disk_.config.cache != DiskCache::kUnsafe && !(flushes && on);
}

void Block::start(std::uint64_t features, std::vector<ActiveQueue> queues,
                  DriverLink& link) noexcept {
  features_ = features;
  set_write_back(write_back_);
  {
    const std::lock_guard lock(link_mutex_);
    link_ = &link;
  }
  for (ActiveQueue& active : queues) {
    Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
    worker.queue = std::move(active.queue);
    if (!worker.queue) {
      continue;
    }
    try {
      worker.thread = std::thread([this, &worker, &link, kick = active.kick, index = active.index] {
        run(*worker.queue, *kick, index, link);
      });
    } catch (const std::system_error& error) {
      link.park(errno_error("can't start the queue's thread", error.code().value()).context);
    }
  }
}

void Block::run(Queue& queue, const EventFd& kick, std::uint16_t index, DriverLink& link) noexcept {
  block_signals_in_worker();
  ::pthread_setname_np(::pthread_self(), fmt::format("disk-{:.8}", disk_.config.id).c_str());
  const IoTarget target{disk_.file.fd(), disk_.file.is_block_device(), !disk_.config.direct};
  const IoEngine::Wakeups wakeups{kick, stop_};
  auto engine = make_io_engine(engine_, target, wakeups, kQueueSize);
  if (!engine && engine_ == IoEngineKind::kUring) {
    // The guest decides how often the device starts.
    log_guest(disk_.log, "disk {}: using threads instead of io_uring: {}", disk_.config.path,
              engine.error().context);
    engine = make_io_engine(IoEngineKind::kThreads, target, wakeups, kQueueSize);
  }
  if (!engine) {
    return link.park(engine.error().context);
  }
  BlockQueue worker(disk_, queue, index, kQueueSize, *engine.value(), link);
  while (worker.step()) {
  }
}

std::vector<QueueState> Block::stop() noexcept {
  stop_.signal();
  std::vector<QueueState> states;
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) {
      worker->thread.join();
    }
    states.push_back(worker->queue ? worker->queue->state() : QueueState{});
  }
  workers_.clear();
  static_cast<void>(stop_.drain());
  const std::lock_guard lock(link_mutex_);
  link_ = nullptr;
  features_ = 0;
  set_write_back(true);
  return states;
}

Result<std::uint64_t> Block::read_capacity() const {
  BOTHY_TRY(const std::uint64_t length, disk_.file.length());
  const std::uint64_t block = disk_.file.geometry().logical_block;
  return length / block * block / DiskFile::kSector;
}

Result<std::uint64_t> Block::resize() {
  const std::lock_guard lock(link_mutex_);
  BOTHY_TRY(const std::uint64_t capacity, read_capacity());
  if (disk_.capacity.exchange(capacity) != capacity && link_ != nullptr) {
    link_->signal_config();
  }
  return capacity * DiskFile::kSector;
}

}  // namespace bothy::virtio
