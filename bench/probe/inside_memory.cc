// Pages and memory.
#include <string.h>
#include <sys/mman.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kBlock = 4U << 20U;
constexpr size_t kCopied = 16U << 20U;  // larger than most processors' caches

void* map(size_t size) {
  return mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

// Small pages, touched for the first time; an operation is a fault. Mapping isn't counted.
int64_t page_fault(int64_t count) {
  int64_t taken = 0;
  for (int64_t left = count; left > 0;) {
    void* memory = map(kBlock);
    if (memory == MAP_FAILED) {
      return -1;
    }
    madvise(memory, kBlock, MADV_NOHUGEPAGE);
    const int64_t pages =
        left < static_cast<int64_t>(kBlock / kPage) ? left : static_cast<int64_t>(kBlock / kPage);
    auto* bytes = static_cast<volatile char*>(memory);
    const int64_t start = now();
    for (int64_t i = 0; i < pages; ++i) {
      bytes[static_cast<size_t>(i) * kPage] = 1;
    }
    taken += now() - start;
    munmap(memory, kBlock);
    left -= pages;
  }
  return taken;
}

int64_t map_unmap(int64_t count) {
  const int64_t start = now();
  for (int64_t i = 0; i < count; ++i) {
    void* memory = map(16 * kPage);
    if (memory == MAP_FAILED || munmap(memory, 16 * kPage) != 0) {
      return -1;
    }
  }
  return now() - start;
}

// Operations are bytes copied.
int64_t copy(int64_t count) {
  static char* from = nullptr;
  static char* to = nullptr;
  if (from == nullptr) {
    void* first = map(kCopied);
    void* second = map(kCopied);
    if (first == MAP_FAILED || second == MAP_FAILED) {
      return -1;
    }
    from = static_cast<char*>(memset(first, 1, kCopied));
    to = static_cast<char*>(memset(second, 2, kCopied));
  }
  const int64_t start = now();
  for (int64_t left = count; left > 0; left -= static_cast<int64_t>(kCopied)) {
    const size_t size = left < static_cast<int64_t>(kCopied) ? static_cast<size_t>(left) : kCopied;
    memcpy(to, from, size);
    __asm__ volatile("" : : "r"(to) : "memory");  // the copy is needed
  }
  return now() - start;
}

}  // namespace

extern const Measure kMemoryMeasures[] = {{"fault", page_fault, 64},
                                          {"mmap", map_unmap, 64},
                                          {"memory", copy, 65536},
                                          {nullptr, nullptr, 0}};

}  // namespace bothy::probe
