// SyncEngine: an IoEngine whose operations are performed by a function of the test, at once and on
// the calling thread.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "devices/host/disk/io_engine.h"

namespace bothy::test {

class SyncEngine final : public IoEngine {
 public:
  using Perform = std::function<std::int64_t(const IoOperation&)>;

  explicit SyncEngine(Perform perform) : perform_(std::move(perform)) {}

  void restart() noexcept override {}
  void submit(IoOperation& operation) noexcept override {
    operation.result = perform_(operation);
    done_.push_back(&operation);
  }
  WakeReason wait(std::vector<IoOperation*>& done,
                  std::optional<Clock::time_point>) noexcept override {
    done.insert(done.end(), done_.begin(), done_.end());
    done_.clear();
    return {.kick = true, .stop = stop};
  }

  bool stop = false;

 private:
  const Perform perform_;
  std::vector<IoOperation*> done_;
};

}  // namespace bothy::test
