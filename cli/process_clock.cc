#include "cli/process_clock.h"

#include <ctime>

namespace bothy {
namespace {

std::chrono::steady_clock::time_point g_start;

}  // namespace

void note_process_start() noexcept {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  g_start = std::chrono::steady_clock::now() - std::chrono::seconds(used.tv_sec) -
            std::chrono::nanoseconds(used.tv_nsec);
}

std::chrono::steady_clock::time_point process_start() noexcept {
  return g_start;
}

}  // namespace bothy
