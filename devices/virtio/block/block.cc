#include "devices/virtio/block/block.h"

#include <linux/virtio_blk.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <utility>

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
      queue_sizes_(config.queues, kQueueSize),
      workers_(config.queues) {}

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
  running_ = true;
  for (std::size_t i = 0; i < queues.size(); ++i) {
    if (!queues[i].queue) {
      continue;
    }
    const auto made = worker_of(i, queues[i].kick);
    if (!made) {
      link.park(made.error().context);
      continue;
    }
    Worker& worker = *made.value();
    worker.queue = std::move(queues[i].queue);
    worker.thread->run(
        [this, &worker, &link, index = queues[i].index] { run(worker, index, link); });
  }
}

Result<void> Block::prepare(std::span<const EventFd> kicks) {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    BOTHY_TRY(worker_of(i, &kicks[i]));
  }
  return success();
}

Result<Block::Worker*> Block::worker_of(std::size_t queue, const EventFd* kick) {
  std::unique_ptr<Worker>& worker = workers_.at(queue);
  if (!worker || worker->kick != kick) {
    BOTHY_TRY(worker, make_worker(kick));
  }
  return worker.get();
}

Result<std::unique_ptr<Block::Worker>> Block::make_worker(const EventFd* kick) {
  auto worker = std::make_unique<Worker>();
  worker->kick = kick;
  BOTHY_TRY(worker->thread,
            WorkerThread::start(fmt::format("disk-{:.8}", disk_.config.id), ThreadRole::kDisk,
                                [this, raw = worker.get()] { make_engine(*raw); }));
  return worker;
}

// An engine belongs to its thread.
Block::Worker::~Worker() {
  if (thread) {
    thread->run([this] { engine.reset(); });
    thread.reset();
  }
}

void Block::make_engine(Worker& worker) const noexcept {
  const IoTarget target{disk_.file.fd(), disk_.file.is_block_device(), !disk_.config.direct,
                        !disk_.config.read_only};
  const IoEngine::Wakeups wakeups{*worker.kick, stop_};
  auto engine = make_io_engine(engine_, target, wakeups, kQueueSize);
  if (!engine && engine_ == IoEngineKind::kUring) {
    log(LogLevel::kWarning, "disk {}: using threads instead of io_uring: {}", disk_.config.path,
        engine.error().context);
    engine = make_io_engine(IoEngineKind::kThreads, target, wakeups, kQueueSize);
  }
  if (engine) {
    worker.engine = std::move(engine).value();
  } else {
    worker.failure = engine.error().context;
  }
}

void Block::run(Worker& worker, std::uint16_t index, DriverLink& link) noexcept {
  if (!worker.engine) {
    return link.park(worker.failure);
  }
  worker.engine->restart();
  BlockQueue queue(disk_, *worker.queue, index, kQueueSize, *worker.engine, link);
  while (queue.step()) {
  }
}

std::vector<QueueState> Block::stop() noexcept {
  std::vector<QueueState> states;
  if (!std::exchange(running_, false)) {
    return states;
  }
  stop_.signal();
  for (const auto& worker : workers_) {
    if (!worker || !worker->queue) {
      states.emplace_back();
      continue;
    }
    worker->thread->wait();
    states.push_back(worker->queue->state());
    worker->queue.reset();
  }
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
