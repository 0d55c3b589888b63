// SplitQueue: a virtqueue of three rings (virtio 1.2, 2.7). Made by Queue::create().
#pragma once

#include "devices/virtio/queue/queue.h"
#include "devices/virtio/queue/ring_layout.h"

namespace bothy::virtio {

class SplitQueue final : public Queue {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Queue>> create(const GuestMemory& memory,
                                                             const QueueConfig& config,
                                                             RingFeatures features,
                                                             QueueState state);

  [[nodiscard]] std::optional<Chain> pop() override;
  // A request, by its head, that another process took from the rings and never completed;
  // create()'s `state` lies behind it. Nothing, and the queue is broken, when the chain is invalid.
  [[nodiscard]] std::optional<Chain> adopt(std::uint16_t head);
  void disable_kicks() noexcept override;
  [[nodiscard]] bool enable_kicks() noexcept override;
  void flush() noexcept override;
  [[nodiscard]] bool needs_signal() noexcept override;
  [[nodiscard]] QueueState state() noexcept override;

 private:
  struct Rings {
    std::byte* descriptors;
    std::byte* available;
    std::byte* used;
  };

  SplitQueue(const GuestMemory& memory, std::uint16_t size, RingFeatures features,
             const Rings& rings, QueueState state) noexcept;

  // With event indices: the position of the request for the next kick.
  void ask_for_kick_at(std::uint16_t index) noexcept;
  // Whether the driver has published more than shown_.
  [[nodiscard]] bool look();
  [[nodiscard]] bool collect(Chain& chain, std::uint16_t head);
  [[nodiscard]] bool walk(Chain& chain, const std::byte* table, std::size_t entries,
                          Descriptor descriptor);
  void push(ChainPlace place, std::uint32_t written) noexcept override;
  void step_back(ChainPlace place) noexcept override;

  const Rings rings_;
  // Free-running indices.
  std::uint16_t next_available_;
  std::uint16_t shown_;      // requests are known up to here
  std::uint16_t next_used_;  // completed, published or not
  std::uint16_t published_;  // the used index that the driver sees
  // Completions published since the last needs_signal(). Wider than an index, which would wrap.
  std::uint32_t unsignalled_ = 0;
};

}  // namespace bothy::virtio
