#include "../marker.h"

#include "../../protocol/boot_marker.h"
#include "../sys.h"
#include "ports.h"

namespace testinit {
namespace {
bool marked = false;
}

void mark_boot() {
  if (syscall(__NR_ioperm, kBootMarkerPort, 1, 1) != 0) return;
  out8(kBootMarkerPort, kBootMarkerInitStarted);
  marked = true;
}

void mark_boot_by_device() {
  if (marked) return;
  const int fd = open("/dev/port", kWriteOnly);
  if (fd < 0) return;
  const unsigned char value = kBootMarkerInitStarted;
  pwrite(fd, &value, 1, kBootMarkerPort);
  close(fd);
}

}  // namespace testinit
