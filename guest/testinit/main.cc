// The only program of guests for tests, demonstrations and benchmarks: signals its start to the
// monitor, prints what the guest sees of its machine, and runs the action given on the kernel
// command line (docs/guest-kernel.md lists the parameters).
#include "actions.h"
#include "facts.h"
#include "marker.h"
#include "text.h"

namespace testinit {
namespace {

void prepare() {
  make_directory("/proc");
  make_directory("/sys");
  make_directory("/dev");
  mount("proc", "/proc");
  mount("sysfs", "/sys");
  mount("devtmpfs", "/dev");
  mark_boot_by_device();
  // An archive without /dev/console leaves init without standard files.
  if (syscall(__NR_fcntl, 1, F_GETFD) >= 0) return;
  const int console = open("/dev/console", kReadWrite);
  if (console < 0) return;
  for (int fd = 0; fd <= 2; ++fd) {
    if (fd != console) duplicate(console, fd);
  }
}

}  // namespace

extern "C" [[noreturn]] void testinit_main() {
  if (process_id() != 1) {
    say("runs as the first process of a guest and powers it off: not here");
    exit(1);
  }
  mark_boot();
  const __kernel_timespec started = clock(CLOCK_BOOTTIME);
  prepare();

  static char buffer[4096];
  const Text command_line = read_file("/proc/cmdline", buffer).trimmed();
  print_hello();
  if (!has_word(command_line, "testinit.quiet")) print_facts(command_line, started);
  if (const unsigned long mib = word(command_line, "testinit.touch_mib=", "0").number())
    touch_memory(mib);
  if (const unsigned long ms = word(command_line, "testinit.sleep_ms=", "0").number()) sleep_ms(ms);
  act(word(command_line, "testinit.action=", "poweroff"), command_line);
}

}  // namespace testinit
