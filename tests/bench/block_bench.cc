// Reads a file at random through the block device, whole, with the fake driver on the other side:
// what fio does to the file itself.
//
//   bench_block FILE BLOCK-SIZE DEPTH SECONDS [direct] [apart] [huge]
//
// One JSON object on stdout; cpu_us is the processor time that the device's thread took for a
// request. The device does all that it does for a guest, on that thread, named disk-bench.
//
// The driver is called there too, in place of an interrupt: nothing is asked of the host for it,
// not even a processor, which a virtual machine's disk may want itself. The system call that the
// interrupt would have been is counted. Or `apart`: on a thread of its own, as a vCPU.
//
// `huge`: guest memory is of huge pages. What a disk makes of a large request depends on how far
// its pages are contiguous, which is luck otherwise.
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "devices/virtio/block/block.h"
#include "tests/support/block_driver.h"

namespace {

using namespace bothy;
using Clock = std::chrono::steady_clock;

struct Options {
  DiskConfig disk;
  std::uint32_t block = 0;  // bytes
  unsigned depth = 0;
  unsigned seconds = 0;
  bool apart = false;
  bool huge = false;
};

class Link final : public virtio::DriverLink {
 public:
  void signal_queue(std::uint16_t) noexcept override {
    ++signals;
    if (interrupted) {
      interrupted();
    } else {
      event_.signal();  // what wakes a guest
    }
  }
  void signal_config() noexcept override {}
  void park(const std::string& why) noexcept override {
    std::fprintf(stderr, "parked: %s\n", why.c_str());
    std::abort();
  }

  // Until the next interrupt, or for a tenth of a second.
  void sleep() const {
    pollfd polled{event_.fd(), POLLIN, 0};
    static_cast<void>(::poll(&polled, 1, 100));
    static_cast<void>(event_.drain());
  }

  std::function<void()> interrupted;
  std::atomic<std::uint64_t> signals{0};

 private:
  EventFd event_ = EventFd::create().value();
};

// The system calls of the device's thread, as the kernel's tracepoint counts them; -1 where that
// can't be had (it wants root, and tracefs at its usual place).
class SyscallCounter {
 public:
  void start() {
    std::uint64_t tracepoint = 0;
    std::ifstream("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id") >> tracepoint;
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_TRACEPOINT;
    attributes.size = sizeof(attributes);
    attributes.config = tracepoint;
    fd_ = UniqueFd(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, device_thread(), -1,
                                              -1, PERF_FLAG_FD_CLOEXEC)));
  }
  [[nodiscard]] long long count() const {
    std::uint64_t value = 0;
    return ::read(fd_.get(), &value, sizeof(value)) == sizeof(value) ? static_cast<long long>(value)
                                                                     : -1;
  }

 private:
  static pid_t device_thread() {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name;
      std::ifstream(task.path() / "comm") >> name;
      if (name == "disk-bench") {
        return std::stoi(task.path().filename());
      }
    }
    return 0;
  }

  UniqueFd fd_;
};

class Bench {
 public:
  Bench(const Options& options, virtio::Block& device)
      : options_(options),
        device_(device),
        memory_(make_memory()),
        queue_(memory_, 0, virtio::Block::kQueueSize, {.indirect = true, .event_index = true}) {
    std::uint64_t bytes = 0;
    device_.read_config(0, std::as_writable_bytes(std::span(&bytes, 1)));
    blocks_ = bytes * DiskFile::kSector / options_.block;
  }

  void run() {
    std::vector<virtio::ActiveQueue> queues(1);
    queues[0] = {queue_.queue(), &kick_, 0};
    for (unsigned i = 0; i < options_.depth; ++i) {
      describe(i);
      ask(i);
    }
    if (!options_.apart) {
      link_.interrupted = [this] { answer(); };
    }
    device_.start(device_.features(), std::move(queues), link_);
    kick();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the device's thread has its name
    SyscallCounter syscalls;
    syscalls.start();
    const auto began = Clock::now();
    const auto before = done_.load();
    const auto signals_before = link_.signals.load();
    const auto end = began + std::chrono::seconds(options_.seconds);
    if (options_.apart) {
      while (Clock::now() < end) {
        if (!turn()) {
          wait();
        }
      }
    } else {
      std::this_thread::sleep_until(end);
    }
    const std::chrono::duration<double> taken = Clock::now() - began;
    const double done = static_cast<double>(done_.load() - before);
    const double cpu = seconds_of(RUSAGE_SELF) - seconds_of(RUSAGE_THREAD);
    const auto signals = link_.signals.load() - signals_before;
    long long calls = syscalls.count();
    if (calls >= 0 && !options_.apart) {
      calls += static_cast<long long>(signals);
    }
    device_.stop();
    std::printf(
        "{\"requests\": %.0f, \"seconds\": %.3f, \"iops\": %.0f, \"cpu_us\": %.3f, "
        "\"syscalls\": %lld, \"signals\": %llu, \"kicks\": %llu}\n",
        done, taken.count(), done / taken.count(), cpu * 1e6 / done, calls,
        static_cast<unsigned long long>(signals), kicks_);
  }

 private:
  static constexpr GuestAddress kBuffers = test::DriverQueue::kSpan;
  static constexpr std::uint32_t kPage = 4096;
  static constexpr std::uint64_t kHugePage = 2ULL << 20U;
  static constexpr std::uint64_t kStatus = 64;
  static constexpr unsigned kDescriptors = 3;

  // Spins for a moment, and then sleeps until the device interrupts: as KVM does for a vCPU that
  // halts (its halt_poll_ns, where nobody changes it). Less with more under way: a spinning driver
  // takes a processor from the disk, and more is done when it wakes.
  void wait() {
    const auto spin = std::chrono::microseconds{200} / options_.depth;
    const auto now = Clock::now();
    if (idle_since_ == Clock::time_point{}) {
      idle_since_ = now;
    }
    if (now - idle_since_ < spin) {
      return;
    }
    if (!queue_.enable_interrupts()) {
      link_.sleep();
    }
    idle_since_ = {};
  }

  // Processor time of this process, or of the driver's thread.
  static double seconds_of(int whom) {
    rusage usage{};
    ::getrusage(whom, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  [[nodiscard]] GuestMemory make_memory() const {
    const std::uint64_t size = kBuffers + std::uint64_t{options_.depth} * slot_size();
    const std::array ranges{MemoryRange{0, (size + kHugePage - 1) / kHugePage * kHugePage}};
    auto memory = GuestMemory::create(
        ranges, options_.huge ? MemoryBacking::kSharedHuge : MemoryBacking::kAnonymous);
    if (!memory) {
      std::fprintf(stderr, "%s\n", memory.error().context.c_str());
      std::exit(1);
    }
    return std::move(memory).value();
  }

  // A page for header and status, and then the data.
  [[nodiscard]] std::uint64_t slot_size() const { return options_.block + kPage; }

  void ask(unsigned slot) {
    const GuestAddress own = kBuffers + slot * slot_size();
    const std::uint64_t sector = random_() % blocks_ * (options_.block / DiskFile::kSector);
    static_cast<void>(memory_.write(own, virtio_blk_outhdr{VIRTIO_BLK_T_IN, 0, sector}));
    queue_.offer(static_cast<std::uint16_t>(slot * kDescriptors));
  }

  // A slot has its own descriptors, whatever the order in which requests end.
  void describe(unsigned slot) {
    const GuestAddress own = kBuffers + slot * slot_size();
    const auto first = static_cast<std::uint16_t>(slot * kDescriptors);
    const auto next = [&](unsigned i) { return static_cast<std::uint16_t>(first + i); };
    queue_.set_descriptor(first,
                          {own, test::BlockDriver::kHeader, virtio::kDescriptorNext, next(1)});
    queue_.set_descriptor(next(1), {own + kPage, options_.block,
                                    virtio::kDescriptorNext | virtio::kDescriptorWrite, next(2)});
    queue_.set_descriptor(next(2), {own + kStatus, 1, virtio::kDescriptorWrite, 0});
  }

  void kick() {
    if (queue_.wants_kick()) {
      ++kicks_;
      kick_.signal();
    }
  }

  // What an interrupt handler does.
  void answer() {
    do {
      while (turn()) {
      }
    } while (queue_.enable_interrupts());
  }

  // Takes what has ended, and asks anew. False: nothing had.
  bool turn() {
    free_.clear();
    while (const auto used = queue_.take()) {
      const unsigned slot = used->id / kDescriptors;
      if (memory_.read<std::uint8_t>(kBuffers + slot * slot_size() + kStatus) != 0) {
        std::fprintf(stderr, "a read failed\n");
        std::abort();
      }
      free_.push_back(slot);
    }
    if (free_.empty()) {
      return false;
    }
    idle_since_ = {};
    queue_.disable_interrupts();
    for (const unsigned slot : free_) {
      ask(slot);
    }
    done_.store(done_.load(std::memory_order_relaxed) + free_.size(), std::memory_order_relaxed);
    kick();
    return true;
  }

  const Options& options_;
  virtio::Block& device_;
  GuestMemory memory_;
  test::DriverQueue queue_;
  Link link_;
  EventFd kick_ = EventFd::create().value();
  std::minstd_rand random_;
  std::uint64_t blocks_ = 0;
  std::vector<unsigned> free_;
  Clock::time_point idle_since_;
  std::atomic<unsigned long long> done_{0};
  unsigned long long kicks_ = 0;
};

unsigned number(const char* text) {
  unsigned value = 0;
  const std::string_view view(text);
  std::from_chars(view.data(), view.data() + view.size(), value);
  if (value == 0) {
    std::fprintf(stderr, "%s is no number\n", text);
    std::exit(2);
  }
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr,
                 "usage: bench_block FILE BLOCK-SIZE DEPTH SECONDS [direct] [apart] [huge]\n");
    return 2;
  }
  Options options;
  options.disk.path = argv[1];
  options.disk.id = "bench";
  options.disk.read_only = true;
  for (const std::string_view word : std::span(argv, static_cast<std::size_t>(argc)).subspan(5)) {
    options.apart |= word == "apart";
    options.huge |= word == "huge";
    options.disk.direct |= word == "direct";
  }
  options.block = number(argv[2]);
  options.depth = number(argv[3]);
  options.seconds = number(argv[4]);
  const auto device = virtio::Block::create(options.disk);
  if (!device) {
    std::fprintf(stderr, "%s\n", device.error().context.c_str());
    return 1;
  }
  Bench(options, *device.value()).run();
  return 0;
}
