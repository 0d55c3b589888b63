// Files of a directory that the caller chooses: a subject's root, a volume, a disk.
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

constexpr char kName[] = "/bothy-bench-storage";
constexpr size_t kBlock = 4096;
constexpr size_t kLargeBlock = 128U << 10U;
constexpr int64_t kSize = 16 << 20;
constexpr uint32_t kBlocks = kSize / kBlock;  // a power of two, for next_block()

struct {
  int file = -1;
  bool drop = false;
} target;

char buffer[kLargeBlock];

// Each block of the file once in kBlocks calls, in an order that isn't the file's: a linear
// congruential generator of full period (Knuth, The Art of Computer Programming, 3.2.1.2).
uint32_t next_block() {
  static uint32_t block = 0;
  block = (block * 1664525U + 1013904223U) % kBlocks;
  return block;
}

size_t next_size(int64_t left) {
  return left < static_cast<int64_t>(kLargeBlock) ? static_cast<size_t>(left) : kLargeBlock;
}

// Clean pages of this kernel's cache go; where the data are in a host's cache, that keeps them.
void drop_cached() {
  if (target.drop) {
    posix_fadvise(target.file, 0, 0, POSIX_FADV_DONTNEED);
  }
}

int64_t write_and_sync(int64_t count) {
  const int64_t start = now();
  for (int64_t i = 0; i < count; ++i) {
    const off_t at = static_cast<off_t>(next_block()) * static_cast<off_t>(kBlock);
    if (pwrite(target.file, buffer, kBlock, at) != static_cast<ssize_t>(kBlock) ||
        fsync(target.file) != 0) {
      return -1;
    }
  }
  return now() - start;
}

// Operations are bytes, all of which are durable at the end.
int64_t write_in_sequence(int64_t count) {
  const int64_t start = now();
  for (int64_t done = 0; done < count;) {
    const int64_t at = done % kSize;
    const size_t size = next_size(count - done);
    if (pwrite(target.file, buffer, size, at) != static_cast<ssize_t>(size)) {
      return -1;
    }
    done += static_cast<int64_t>(size);
    if ((done % kSize == 0 || done == count) && fsync(target.file) != 0) {
      return -1;
    }
  }
  return now() - start;
}

// `count` units, of which a pass over the file has `whole`; `read_pass` reads up to so many and
// returns false when it fails. Dropping isn't counted.
template <class Pass>
int64_t in_passes(int64_t count, int64_t whole, Pass read_pass) {
  int64_t taken = 0;
  for (int64_t left = count; left > 0; left -= whole) {
    drop_cached();
    const int64_t start = now();
    if (!read_pass(left < whole ? left : whole)) {
      return -1;
    }
    taken += now() - start;
  }
  return taken;
}

// Operations are bytes.
int64_t read_in_sequence(int64_t count) {
  return in_passes(count, kSize, [](int64_t bytes) {
    for (int64_t at = 0; at < bytes; at += static_cast<int64_t>(kLargeBlock)) {
      const size_t size = next_size(bytes - at);
      if (pread(target.file, buffer, size, at) != static_cast<ssize_t>(size)) {
        return false;
      }
    }
    return true;
  });
}

int64_t read_at_random(int64_t count) {
  posix_fadvise(target.file, 0, 0, POSIX_FADV_RANDOM);
  const int64_t taken = in_passes(count, kBlocks, [](int64_t blocks) {
    for (int64_t i = 0; i < blocks; ++i) {
      const off_t at = static_cast<off_t>(next_block()) * static_cast<off_t>(kBlock);
      if (pread(target.file, buffer, kBlock, at) != static_cast<ssize_t>(kBlock)) {
        return false;
      }
    }
    return true;
  });
  posix_fadvise(target.file, 0, 0, POSIX_FADV_NORMAL);
  return taken;
}

// The type of the file system on which `directory` is, by the longest mount point above it.
void say_file_system(const char* directory) {
  char type[64] = "unknown";
  FILE* mounts = setmntent("/proc/self/mounts", "re");
  size_t longest = 0;
  while (const mntent* mount = mounts != nullptr ? getmntent(mounts) : nullptr) {
    const size_t length = strlen(mount->mnt_dir);
    const bool root = strcmp(mount->mnt_dir, "/") == 0;
    const bool above = strncmp(directory, mount->mnt_dir, length) == 0 &&
                       (root || directory[length] == '/' || directory[length] == '\0');
    if (above && length >= longest) {  // a later mount covers an earlier one
      longest = length;
      snprintf(type, sizeof type, "%s", mount->mnt_type);
    }
  }
  if (mounts != nullptr) {
    endmntent(mounts);
  }
  say("file-system %s\n", type);
}

bool fill() {
  for (size_t i = 0; i < sizeof buffer; ++i) {
    buffer[i] = static_cast<char>(i * 31 + i / 4096);
  }
  return write_in_sequence(kSize) >= 0;
}

}  // namespace

int storage(char* names, const char* repetitions, const char* milliseconds, const char* cache,
            const char* directory) {
  char path[1024];
  snprintf(path, sizeof path, "%s%s", directory, kName);
  target.drop = strcmp(cache, "drop") == 0;
  target.file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (target.file < 0) {
    return fail(path);
  }
  say_file_system(directory);
  const int status = fill() ? inside(names, repetitions, milliseconds) : fail(path);
  unlink(path);
  return status;
}

extern const Measure kStorageMeasures[] = {{"sync-write", write_and_sync, 1},
                                           {"write", write_in_sequence, 1 << 20},
                                           {"read", read_in_sequence, 1 << 20},
                                           {"random-read", read_at_random, 16},
                                           {nullptr, nullptr, 0}};

}  // namespace bothy::probe
