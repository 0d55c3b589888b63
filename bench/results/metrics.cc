#include "bench/results/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace bothy::bench {
namespace {

constexpr std::array kMetrics{
    Metric{"startup.first-byte", "start to the workload's first byte", "ns", Quantity::kTime,
           "from just before the command's exec to the first byte that the workload writes, read "
           "from a pipe by the host's clock"},
    Metric{"startup.end", "start to the command's end", "ns", Quantity::kTime,
           "from just before the command's exec until it has ended, the workload having ended "
           "after its first byte"},
    Metric{"startup.http", "start to the first HTTP answer", "ns", Quantity::kTime,
           "from just before the command's exec to the first complete answer of a web server "
           "inside; the parameter says by which network"},
    Metric{"startup.cpu", "processor time of a start", "ns", Quantity::kTime,
           "user and system time of every process that a start made, helpers that outlive the "
           "command included, collected by wait4 as the reaper of orphans"},
    Metric{"startup.faults", "page faults of a start", "count", Quantity::kCount,
           "minor faults of the same processes"},
    Metric{"startup.switches", "context switches of a start", "count", Quantity::kCount,
           "voluntary and involuntary switches of the same processes"},
    Metric{"startup.exits", "exits of a start", "count", Quantity::kCount,
           "exits of the machine's vCPUs until the workload was ready, by KVM's statistics"},
    Metric{"startup.phase", "phase of a start", "ns", Quantity::kTime,
           "time since the step before, as bothy run --trace-timing reports it"},
    Metric{"startup.rate", "starts a second", "1/s", Quantity::kRate,
           "instances started at once, from the first exec until none is left, by that time"},
    Metric{"noise.first-byte", "the same subject twice", "ns", Quantity::kTime,
           "A/A: one subject under two names, interleaved like two subjects"},
    Metric{
        "memory.pss", "memory of an instance, by PSS", "bytes", Quantity::kBytes,
        "slope over n of the proportional set size of all processes of n instances (smaps_rollup)",
        Shape::kCurve},
    Metric{"memory.guest", "of that, guests' RAM", "bytes", Quantity::kBytes,
           "slope over n of the proportional set size of the mappings that are the guests' memory "
           "(smaps)",
           Shape::kCurve},
    Metric{"memory.available", "memory of an instance, by MemAvailable", "bytes", Quantity::kBytes,
           "slope over n of MemAvailable before the first instance less that with n, page cache "
           "dropped before "
           "both: the only figure that has the kernel's own memory in it",
           Shape::kCurve},
    Metric{"memory.cgroup", "memory of an instance, by memory.current", "bytes", Quantity::kBytes,
           "slope over n of the sum of memory.current of the instances' cgroups (v2)",
           Shape::kCurve},
    Metric{"density.start", "start of the n-th instance", "ns", Quantity::kTime,
           "from the exec of a detached start to its command's end, in the order of the starts"},
    Metric{"inside.syscall", "system call", "ns/op", Quantity::kTime, "getppid, raw"},
    Metric{"inside.clock", "reading the clock", "ns/op", Quantity::kTime,
           "clock_gettime(CLOCK_MONOTONIC)"},
    Metric{"inside.fork-exec", "fork, exec and wait", "ns/op", Quantity::kTime,
           "of a static program that ends at once"},
    Metric{"inside.switch", "context switch", "ns/op", Quantity::kTime,
           "a byte between two processes on one processor, by pipes; half a round trip"},
    Metric{"inside.pipe", "pipe", "bytes/s", Quantity::kRate, "64 KiB writes to a reading process"},
    Metric{"inside.compute", "computing", "ns/op", Quantity::kTime,
           "a multiplication and an addition, each dependent on the last"},
    Metric{"inside.fault", "page fault", "ns/op", Quantity::kTime,
           "first touch of a small anonymous page"},
    Metric{"inside.mmap", "mmap and munmap", "ns/op", Quantity::kTime, "64 KiB, untouched"},
    Metric{"inside.memory", "copying memory", "bytes/s", Quantity::kRate, "memcpy of 16 MiB"},
    Metric{"inside.file-create", "create and remove a file", "ns/op", Quantity::kTime, "in /tmp"},
    Metric{"inside.file-write", "write 4 KiB", "ns/op", Quantity::kTime,
           "to the page cache of a file in /tmp"},
    Metric{"inside.file-read", "read 4 KiB", "ns/op", Quantity::kTime,
           "from the page cache of a file in /tmp"},
    Metric{"inside.file-fsync", "write 4 KiB and fsync", "ns/op", Quantity::kTime,
           "in /tmp: compare only where the facts name the same file system"},
    Metric{"inside.tcp-latency", "TCP round trip", "ns/op", Quantity::kTime,
           "one byte there and back over the subject's loopback"},
    Metric{"inside.tcp-throughput", "TCP throughput", "bytes/s", Quantity::kRate,
           "one stream over the subject's loopback"},
    Metric{"inside.tcp-connect", "TCP connection", "ns/op", Quantity::kTime,
           "connect, accept and close over the subject's loopback"},
    Metric{"storage.sync-write", "durable write of 4 KiB", "ns/op", Quantity::kTime,
           "write and fsync, at arbitrary places of a 16 MiB file"},
    Metric{"storage.write", "writing in sequence", "bytes/s", Quantity::kRate,
           "128 KiB writes over a 16 MiB file, with fsync at its end and at the last byte"},
    Metric{
        "storage.read", "reading in sequence", "bytes/s", Quantity::kRate,
        "128 KiB reads of a 16 MiB file that the host has in its page cache; a machine drops its "
        "own cache before each pass, so that all of it crosses the wall"},
    Metric{"storage.random-read", "read 4 KiB at random", "ns/op", Quantity::kTime,
           "each block of such a file once, in another order than the file's; the caches as for "
           "reading in sequence"},
    Metric{"network.latency", "TCP round trip over a network", "ns/op", Quantity::kTime,
           "one byte there and back on an open connection"},
    Metric{"network.to-instance", "TCP throughput to the instance", "bytes/s", Quantity::kRate,
           "one stream from the host's side, until the instance has all of it"},
    Metric{"network.from-instance", "TCP throughput from the instance", "bytes/s", Quantity::kRate,
           "one stream, read on the host's side"},
    Metric{"network.connections", "TCP connections a second", "1/s", Quantity::kRate,
           "one after the other: connect, a byte, and the end by the other side"},
    Metric{
        "neighbours.request", "request beside hogs", "ns", Quantity::kTime,
        "from when a request of the victim's was due to its end: some computing, fresh memory, a "
        "write to a file, a descriptor, a process; beside twice as many hogs of the same subject "
        "as the "
        "host has processors"},
    Metric{
        "portability.prepare", "image's files to the first byte", "ns", Quantity::kTime,
        "from nothing but the image's file tree to its workload's first byte: import, unpacking or "
        "building of a disk, and the first start"},
    Metric{"portability.bytes", "disk space of an image", "bytes", Quantity::kBytes,
           "blocks that the subject has on disk after that, besides the file tree itself"},
};

struct Scale {
  double from;
  double unit;
  const char* name;
};

// The largest unit of which there is at least one.
std::string scaled(double value, std::span<const Scale> scales) {
  const auto fitting = std::ranges::find_if(
      scales, [&](const Scale& scale) { return std::abs(value) >= scale.from; });
  const Scale& scale = fitting == scales.end() ? scales.back() : *fitting;
  const double shown = value / scale.unit;
  const int digits = std::abs(shown) >= 99.95 ? 0 : std::abs(shown) >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", shown, digits, scale.name);
}

}  // namespace

std::span<const Metric> metrics() noexcept {
  return kMetrics;
}

const Metric* find_metric(std::string_view name) noexcept {
  const auto* found = std::ranges::find(kMetrics, name, &Metric::name);
  return found == kMetrics.end() ? nullptr : found;
}

std::string format_value(const Metric& metric, double value) {
  static constexpr std::array kTimes{Scale{1e9, 1e9, "s"}, Scale{1e6, 1e6, "ms"},
                                     Scale{1e3, 1e3, "us"}, Scale{0, 1, "ns"}};
  static constexpr std::array kBytes{Scale{1024.0 * 1024 * 1024, 1024.0 * 1024 * 1024, "GiB"},
                                     Scale{1024.0 * 1024, 1024.0 * 1024, "MiB"},
                                     Scale{1024, 1024, "KiB"}, Scale{0, 1, "B"}};
  static constexpr std::array kByteRates{Scale{1e9, 1e9, "GB/s"}, Scale{1e6, 1e6, "MB/s"},
                                         Scale{1e3, 1e3, "kB/s"}, Scale{0, 1, "B/s"}};
  switch (metric.quantity) {
    case Quantity::kTime:
      return scaled(value, kTimes);
    case Quantity::kBytes:
      return scaled(value, kBytes);
    case Quantity::kRate:
      return metric.unit == "bytes/s" ? scaled(value, kByteRates) : fmt::format("{:.1f}/s", value);
    case Quantity::kCount:
      return fmt::format("{:.0f}", value);
  }
  return {};
}

double rounded(double value, int digits) {
  return std::strtod(fmt::format("{:.{}g}", value, digits).c_str(), nullptr);
}

}  // namespace bothy::bench
