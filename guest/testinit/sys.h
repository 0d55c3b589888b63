// The system calls this program makes, typed. Each returns what the kernel does: a negative errno
// on failure.
#pragma once

#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/reboot.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "raw_syscall.h"

namespace testinit {

using Size = unsigned long;

// open(2)'s flags differ between architectures; these are the generic values, which x86_64 and
// arm64 share.
inline constexpr int kReadOnly = 0;
inline constexpr int kWriteOnly = 1;
inline constexpr int kReadWrite = 2;
inline constexpr int kSync = 04010000;

inline int open(const char* path, int flags) {
  return static_cast<int>(syscall(__NR_openat, AT_FDCWD, reinterpret_cast<long>(path), flags, 0));
}
inline void close(int fd) {
  syscall(__NR_close, fd);
}
inline long read(int fd, void* to, Size size) {
  return syscall(__NR_read, fd, reinterpret_cast<long>(to), static_cast<long>(size));
}
inline long write(int fd, const void* from, Size size) {
  return syscall(__NR_write, fd, reinterpret_cast<long>(from), static_cast<long>(size));
}
inline long pwrite(int fd, const void* from, Size size, long offset) {
  return syscall(__NR_pwrite64, fd, reinterpret_cast<long>(from), static_cast<long>(size), offset);
}
inline bool exists(const char* path) {
  return syscall(__NR_faccessat, AT_FDCWD, reinterpret_cast<long>(path), 0) == 0;
}
inline void make_directory(const char* path) {
  syscall(__NR_mkdirat, AT_FDCWD, reinterpret_cast<long>(path), 0755);
}
inline long mount(const char* type, const char* where) {
  return syscall(__NR_mount, reinterpret_cast<long>(type), reinterpret_cast<long>(where),
                 reinterpret_cast<long>(type), 0, 0);
}
inline void duplicate(int fd, int as) {
  syscall(__NR_dup3, fd, as, 0);
}
inline int process_id() {
  return static_cast<int>(syscall(__NR_getpid));
}
inline void sleep_ms(unsigned long ms) {
  __kernel_timespec time{static_cast<long long>(ms / 1000),
                         static_cast<long long>(ms % 1000) * 1000000};
  syscall(__NR_nanosleep, reinterpret_cast<long>(&time), 0);
}
inline __kernel_timespec clock(int id) {
  __kernel_timespec time{};
  syscall(__NR_clock_gettime, id, reinterpret_cast<long>(&time));
  return time;
}
// Maps memory read-write; fd -1 means fresh pages. Null on failure.
inline void* map(Size size, int fd = -1, unsigned long offset = 0) {
  constexpr long kProtReadWrite = 3, kMapShared = 1, kMapPrivateAnonymous = 0x22;
  const long address =
      syscall(__NR_mmap, 0, static_cast<long>(size), kProtReadWrite,
              fd < 0 ? kMapPrivateAnonymous : kMapShared, fd, static_cast<long>(offset));
  return address < 0 && address > -4096 ? nullptr : reinterpret_cast<void*>(address);
}
inline void unmap(void* address, Size size) {
  syscall(__NR_munmap, reinterpret_cast<long>(address), static_cast<long>(size));
}
inline void reboot(unsigned command) {
  syscall(__NR_sync);
  syscall(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, 0);
}
[[noreturn]] inline void exit(int status) {
  for (;;) syscall(__NR_exit_group, status);
}

}  // namespace testinit
