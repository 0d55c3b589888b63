// Ways to the kernel and its devices by files of /proc, /sys and /dev. Opening for writing is
// enough: nothing is written.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/probe/escape.h"

namespace bothy::probe {
namespace {

bool core_pattern(const char*, Detail& detail) {
  return opens("/proc/sys/kernel/core_pattern", O_WRONLY, detail);
}
bool modprobe_path(const char*, Detail& detail) {
  return opens("/proc/sys/kernel/modprobe", O_WRONLY, detail);
}
bool sysrq(const char*, Detail& detail) {
  return opens("/proc/sysrq-trigger", O_WRONLY, detail);
}
bool kernel_memory(const char*, Detail& detail) {
  char byte = 0;
  const int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
  note(detail, "/proc/kcore");
  const bool found = fd >= 0 && read(fd, &byte, 1) == 1;
  snprintf(detail.text, sizeof detail.text, found ? "/proc/kcore is readable" : "%s",
           fd < 0 ? strerror(errno) : "/proc/kcore is masked");
  return found;
}
bool kernel_addresses(const char*, Detail& detail) {
  char text[32] = {};
  const int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
  const bool found =
      fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strtoull(text, nullptr, 16) != 0;
  snprintf(detail.text, sizeof detail.text,
           found ? "/proc/kallsyms has addresses" : "no addresses in /proc/kallsyms");
  return found;
}
bool uevent_helper(const char*, Detail& detail) {
  return opens("/sys/kernel/uevent_helper", O_WRONLY, detail);
}
bool sysfs_write(const char*, Detail& detail) {
  return opens("/sys/kernel/mm/ksm/run", O_WRONLY, detail) ||
         opens("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY, detail);
}

// The first release_agent of a cgroup v1 hierarchy that can be opened for writing.
bool release_agent(const char*, Detail& detail) {
  DIR* directory = opendir("/sys/fs/cgroup");
  snprintf(detail.text, sizeof detail.text, "no writable release_agent");
  bool found = false;
  while (directory != nullptr && !found) {
    const dirent* entry = readdir(directory);
    if (entry == nullptr) {
      break;
    }
    char path[320];
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s/release_agent", entry->d_name);
    if (access(path, F_OK) == 0) {
      found = opens(path, O_WRONLY, detail);
    }
  }
  if (directory != nullptr) {
    closedir(directory);
  }
  return found;
}
bool cgroup_make(const char*, Detail& detail) {
  static constexpr const char* kPaths[] = {"/sys/fs/cgroup/bothy-bench-probe",
                                           "/sys/fs/cgroup/cpu/bothy-bench-probe",
                                           "/sys/fs/cgroup/unified/bothy-bench-probe"};
  for (const char* path : kPaths) {
    if (mkdir(path, 0700) == 0) {
      rmdir(path);
      snprintf(detail.text, sizeof detail.text, "%s could be made", path);
      return true;
    }
  }
  note(detail, "mkdir in /sys/fs/cgroup");
  return false;
}

constexpr unsigned kMemoryMajor = 1;
constexpr unsigned kKmsgMinor = 11;

// A device node of one's own: the kernel's log, which may be written.
bool make_device(const char*, Detail& detail) {
  constexpr char kPath[] = "/tmp/bothy-bench-device";
  unlink(kPath);
  if (mknod(kPath, S_IFCHR | 0600, makedev(kMemoryMajor, kKmsgMinor)) != 0) {
    note(detail, "mknod");
    return false;
  }
  const bool opened = opens(kPath, O_WRONLY, detail);
  unlink(kPath);
  return opened;
}
// Those of the host that are here already.
bool device_present(const char*, Detail& detail) {
  static constexpr const char* kPaths[] = {"/dev/mem",     "/dev/kmsg", "/dev/port",
                                           "/dev/kvm",     "/dev/sda",  "/dev/vda",
                                           "/dev/nvme0n1", "/dev/fuse", "/dev/net/tun"};
  for (const char* path : kPaths) {
    if (opens(path, O_RDWR, detail)) {
      return true;
    }
  }
  snprintf(detail.text, sizeof detail.text, "none of the host's devices opens");
  return false;
}
bool firmware(const char*, Detail& detail) {
  DIR* directory = opendir("/sys/firmware");
  int count = 0;
  while (directory != nullptr && readdir(directory) != nullptr) {
    ++count;
  }
  if (directory != nullptr) {
    closedir(directory);
  }
  snprintf(detail.text, sizeof detail.text, "%d entries in /sys/firmware",
           count > 2 ? count - 2 : 0);
  return count > 2;
}
// Each process of a subject should have these three alone.
bool leaked_descriptor(const char*, Detail& detail) {
  DIR* directory = opendir("/proc/self/fd");
  snprintf(detail.text, sizeof detail.text, "none but 0, 1 and 2");
  bool found = false;
  while (directory != nullptr) {
    const dirent* entry = readdir(directory);
    if (entry == nullptr) {
      break;
    }
    char path[64];
    char target[96] = {};
    snprintf(path, sizeof path, "/proc/self/fd/%.16s", entry->d_name);
    if (atoi(entry->d_name) > STDERR_FILENO && atoi(entry->d_name) != dirfd(directory) &&
        readlink(path, target, sizeof target - 1) > 0 &&
        (fcntl(atoi(entry->d_name), F_GETFD) & FD_CLOEXEC) == 0) {
      snprintf(detail.text, sizeof detail.text, "descriptor %.16s: %s", entry->d_name, target);
      found = true;
    }
  }
  if (directory != nullptr) {
    closedir(directory);
  }
  return found;
}

}  // namespace

extern const Way kFileWays[] = {{"core-pattern", core_pattern},
                                {"modprobe-path", modprobe_path},
                                {"sysrq", sysrq},
                                {"kernel-memory", kernel_memory},
                                {"kernel-addresses", kernel_addresses},
                                {"uevent-helper", uevent_helper},
                                {"sysfs-write", sysfs_write},
                                {"release-agent", release_agent},
                                {"cgroup-make", cgroup_make},
                                {"device-make", make_device},
                                {"device-present", device_present},
                                {"firmware", firmware},
                                {"leaked-descriptor", leaked_descriptor},
                                {nullptr, nullptr}};

}  // namespace bothy::probe
