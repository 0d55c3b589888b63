#include <errno.h>
#include <string.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

constexpr const Measure* kLists[] = {kProcessMeasures, kMemoryMeasures, kFileMeasures,
                                     kNetworkMeasures};
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

}  // namespace

int inside(const char* name, const char* repetitions, const char* milliseconds) {
  const Measure* measure = find(name);
  if (measure == nullptr) {
    errno = EINVAL;
    return fail(name);
  }
  const int64_t count = calibrate(*measure, to_count(milliseconds) * kNanosecondsPerMillisecond);
  if (count < 0) {
    return fail(name);
  }
  for (long left = to_count(repetitions); left > 0; --left) {
    const int64_t taken = measure->run(count);
    if (taken < 0) {
      return fail(name);
    }
    if (!say("%lld %lld\n", static_cast<long long>(count), static_cast<long long>(taken))) {
      return kFailure;
    }
  }
  return 0;
}

}  // namespace bothy::probe
