#include <errno.h>
#include <string.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

constexpr const Measure* kLists[] = {kProcessMeasures, kMemoryMeasures,  kFileMeasures,
                                     kNetworkMeasures, kStorageMeasures, kPathMeasures};
constexpr int64_t kNanosecondsPerMillisecond = 1000000;

const Measure* find(const char* name) {
  for (const Measure* list : kLists) {
    for (; list->name != nullptr; ++list) {
      if (strcmp(list->name, name) == 0) {
        return list;
      }
    }
  }
  return nullptr;
}

// How many operations take about `wanted` nanoseconds, by doubling up to half of that.
int64_t calibrate(const Measure& measure, int64_t wanted) {
  for (int64_t count = measure.first_count;; count *= 2) {
    const int64_t taken = measure.run(count);
    if (taken < 0) {
      return taken;
    }
    if (taken >= wanted / 2) {
      const int64_t fitting = static_cast<int64_t>(
          static_cast<double>(count) * static_cast<double>(wanted) / static_cast<double>(taken));
      return fitting > 0 ? fitting : 1;
    }
  }
}

// One measure; its failure is said, and is no failure of the others.
bool measure_one(const char* name, long repetitions, int64_t wanted) {
  const Measure* measure = find(name);
  if (measure == nullptr) {
    return say("%s failed: no such measure\n", name);
  }
  const int64_t count = calibrate(*measure, wanted);
  for (long i = 0; i < repetitions; ++i) {
    const int64_t taken = count < 0 ? count : measure->run(count);
    if (taken < 0) {
      return say("%s failed: %s\n", name, strerror(errno));
    }
    if (!say("%s %lld %lld\n", name, static_cast<long long>(count),
             static_cast<long long>(taken))) {
      return false;
    }
  }
  return true;
}

}  // namespace

int inside(char* names, const char* repetitions, const char* milliseconds) {
  const int64_t wanted = to_count(milliseconds) * kNanosecondsPerMillisecond;
  char* rest = nullptr;
  for (char* name = strtok_r(names, ",", &rest); name != nullptr;
       name = strtok_r(nullptr, ",", &rest)) {
    if (!measure_one(name, to_count(repetitions), wanted)) {
      return kFailure;
    }
  }
  return say("end\n") ? 0 : kFailure;
}

}  // namespace bothy::probe
