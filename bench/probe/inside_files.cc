// Files, below /tmp of the subject; facts() says which file system that is.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

constexpr char kPath[] = "/tmp/bothy-bench-file";
constexpr size_t kBlock = 4096;
constexpr int64_t kBlocks = 256;  // 1 MiB, written and read again and again

char block[kBlock];

// A descriptor of the file with all of its blocks, unlinked; -1 with errno set.
int open_file() {
  static int file = -1;
  if (file < 0) {
    file = open(kPath, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    unlink(kPath);
    for (int64_t i = 0; file >= 0 && i < kBlocks; ++i) {
      if (write(file, block, kBlock) != static_cast<ssize_t>(kBlock)) {
        return -1;
      }
    }
  }
  return file;
}

int64_t create(int64_t count) {
  const int64_t start = now();
  for (int64_t i = 0; i < count; ++i) {
    const int file = open(kPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 || close(file) != 0 || unlink(kPath) != 0) {
      return -1;
    }
  }
  return now() - start;
}

template <class Operation>
int64_t each_block(int64_t count, Operation operation) {
  const int file = open_file();
  if (file < 0) {
    return -1;
  }
  const int64_t start = now();
  for (int64_t i = 0; i < count; ++i) {
    if (!operation(file, i % kBlocks * static_cast<off_t>(kBlock))) {
      return -1;
    }
  }
  return now() - start;
}

int64_t write_blocks(int64_t count) {
  return each_block(count, [](int file, off_t at) {
    return pwrite(file, block, kBlock, at) == static_cast<ssize_t>(kBlock);
  });
}

int64_t read_blocks(int64_t count) {
  return each_block(count, [](int file, off_t at) {
    return pread(file, block, kBlock, at) == static_cast<ssize_t>(kBlock);
  });
}

int64_t write_and_sync(int64_t count) {
  return each_block(count, [](int file, off_t at) {
    return pwrite(file, block, kBlock, at) == static_cast<ssize_t>(kBlock) && fsync(file) == 0;
  });
}

}  // namespace

extern const Measure kFileMeasures[] = {{"file-create", create, 1},
                                        {"file-write", write_blocks, 16},
                                        {"file-read", read_blocks, 16},
                                        {"file-fsync", write_and_sync, 1},
                                        {nullptr, nullptr, 0}};

}  // namespace bothy::probe
