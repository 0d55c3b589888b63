// What a process in a subject learns of the machine that it is on.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

// The file's text, read anew at each call.
const char* content(const char* path) {
  static char text[8192];
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t count = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) {
    close(fd);
  }
  text[count > 0 ? count : 0] = '\0';
  return text;
}

// Up to the end of the line.
void say_line(const char* name, const char* text) {
  say("%s=%.*s\n", name, static_cast<int>(strcspn(text, "\n")), text);
}

// The value of a "Name: value" line.
void say_field(const char* name, const char* path, const char* field) {
  const char* found = strstr(content(path), field);
  say_line(name,
           found == nullptr ? "" : found + strlen(field) + strspn(found + strlen(field), " \t:"));
}

int entries(const char* path, bool numbers) {
  DIR* directory = opendir(path);
  int count = 0;
  while (directory != nullptr) {
    const dirent* entry = readdir(directory);
    if (entry == nullptr) {
      break;
    }
    count += entry->d_name[0] != '.' && (!numbers || atoi(entry->d_name) > 0) ? 1 : 0;
  }
  if (directory != nullptr) {
    closedir(directory);
  }
  return count;
}

void say_filesystem(const char* name, const char* path) {
  struct statfs status {};
  statfs(path, &status);
  say("%s=0x%lx\n", name, static_cast<unsigned long>(status.f_type));
}

}  // namespace

int facts() {
  utsname name{};
  uname(&name);
  say("kernel=%s\n", name.release);
  say_line("boot_id", content("/proc/sys/kernel/random/boot_id"));
  say_line("uptime_s", content("/proc/uptime"));
  say_field("memory_total", "/proc/meminfo", "MemTotal");
  say_line("load", content("/proc/loadavg"));
  say("processors=%ld\n", sysconf(_SC_NPROCESSORS_ONLN));
  say_field("processor", "/proc/cpuinfo", "model name");
  say_line("clock_source",
           content("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
  say_line("product", content("/sys/class/dmi/id/product_name"));
  say("disks=%d\n", entries("/sys/block", false));
  say("interfaces=%d\n", entries("/sys/class/net", false));
  say("devices=%d\n", entries("/dev", false));
  say("processes=%d\n", entries("/proc", true));
  say_field("capabilities", "/proc/self/status", "CapEff");
  say_field("bounding_capabilities", "/proc/self/status", "CapBnd");
  say_field("no_new_privileges", "/proc/self/status", "NoNewPrivs");
  say_field("seccomp_mode", "/proc/self/status", "Seccomp");
  say("user=%d\n", static_cast<int>(getuid()));
  say_line("user_map", content("/proc/self/uid_map"));
  say_filesystem("root_filesystem", "/");
  say_filesystem("tmp_filesystem", "/tmp");
  return 0;
}

}  // namespace bothy::probe
