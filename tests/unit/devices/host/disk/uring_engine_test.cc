#include "devices/host/disk/uring_engine.h"

#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temporary_file.h"

namespace bothy {
namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kBlocks = 4;

// A file of some blocks, the first all 'a', the next all 'b', and so on; and an engine on it.
class Rig {
 public:
  explicit Rig(bool cached) {
    for (std::size_t i = 0; i < kBlocks; ++i) {
      file_.fill(i * kBlock, kBlock, static_cast<char>('a' + i));
    }
    target_ = {file_.fd(), false, cached};
    engine_ = UringEngine::create(target_, {kick_, stop_}, 8).value();
  }

  IoOperation& ask(std::size_t slot, std::uint64_t offset,
                   IoOperation::Kind kind = IoOperation::Kind::kRead) {
    IoOperation& operation = operations_.at(slot);
    operation.kind = kind;
    buffers_.at(slot).fill('?');
    vectors_.at(slot) = {buffers_.at(slot).data(), kBlock};
    operation.buffers = std::span(&vectors_.at(slot), 1);
    operation.offset = offset;
    operation.result = 0;
    engine_->submit(operation);
    return operation;
  }
  // Until so many are done.
  IoEngine::WakeReason wait(std::size_t count) {
    done_.clear();
    IoEngine::WakeReason reason;
    while (done_.size() < count) {
      const IoEngine::WakeReason reasons = engine_->wait(done_, {});
      reason.stop |= reasons.stop;
    }
    return reason;
  }
  [[nodiscard]] char letter(std::size_t slot) const { return buffers_.at(slot).at(kBlock / 2); }
  void stop() { stop_.signal(); }
  [[nodiscard]] bool can_read_at_once() const {
    char byte = 0;
    const iovec vector{&byte, 1};
    return ::preadv2(file_.fd(), &vector, 1, 0, RWF_NOWAIT) == 1;
  }

 private:
  test::TemporaryFile file_{kBlocks * kBlock};
  EventFd kick_ = EventFd::create().value();
  EventFd stop_ = EventFd::create().value();
  IoTarget target_;
  std::unique_ptr<IoEngine> engine_;
  std::array<IoOperation, 4> operations_{};
  std::array<std::array<char, kBlock>, 4> buffers_{};
  std::array<iovec, 4> vectors_{};
  std::vector<IoOperation*> done_;
};

}  // namespace

TEST_CASE("reads return the content, single or several, cached or not") {
  Rig rig(GENERATE(false, true));
  const IoOperation& lone = rig.ask(0, kBlock);
  rig.wait(1);
  CHECK(lone.result == kBlock);
  CHECK(rig.letter(0) == 'b');
  std::array<IoOperation*, 3> asked{};
  for (std::size_t i = 0; i < asked.size(); ++i) {
    asked.at(i) = &rig.ask(i, i * kBlock);
  }
  rig.wait(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    CHECK(asked.at(i)->result == kBlock);
    CHECK(rig.letter(i) == static_cast<char>('a' + i));
  }
  const IoOperation& last = rig.ask(0, kBlocks * kBlock - 1);
  rig.wait(1);
  CHECK(last.result == 1);
  CHECK(rig.letter(0) == '?');
}

TEST_CASE("successive single reads don't delay the stop") {
  Rig rig(true);
  rig.stop();
  int reads = 0;
  bool stopped = false;
  while (!stopped && reads < 1000) {
    rig.ask(0, 0);
    stopped = rig.wait(1).stop;
    ++reads;
  }
  CHECK(stopped);
  // Where they can be done without the ring, they were.
  CHECK((reads > 1) == rig.can_read_at_once());
}

TEST_CASE("a read followed by another operation uses the ring") {
  Rig rig(true);
  const IoOperation& read = rig.ask(0, 0);
  const IoOperation& write = rig.ask(1, kBlock, IoOperation::Kind::kWrite);
  const IoOperation& flush = rig.ask(2, 0, IoOperation::Kind::kFlush);
  rig.wait(3);
  CHECK(read.result == kBlock);
  CHECK(rig.letter(0) == 'a');
  CHECK(write.result == kBlock);
  CHECK(flush.result == 0);
  rig.ask(0, kBlock);
  rig.wait(1);
  CHECK(rig.letter(0) == '?');  // what was written
}

TEST_CASE("a failed read has its errno value") {
  Rig rig(true);
  const IoOperation& operation = rig.ask(0, std::uint64_t{1} << 63U);
  rig.wait(1);
  CHECK(operation.result == -EINVAL);
  rig.ask(1, kBlock);
  rig.wait(1);
  CHECK(rig.letter(1) == 'b');
}

}  // namespace bothy
