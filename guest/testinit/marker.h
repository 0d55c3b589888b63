// Signals the start of init to the monitor (guest/protocol/boot_marker.h).
#pragma once

namespace testinit {

// Writes the marker by ioperm(2); ignores errors.
void mark_boot();
// Writes the marker through /dev/port, for kernels without ioperm(2), unless mark_boot() succeeded.
void mark_boot_by_device();

}  // namespace testinit
