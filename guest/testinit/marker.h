// Tells the monitor that init runs: see guest/protocol/boot_marker.h.
#pragma once

namespace testinit {

// Writes the marker if the kernel lets us, and says nothing if it doesn't.
void mark_boot();
// The same through /dev/port, for kernels built without ioperm(2); does nothing if mark_boot() did
// it.
void mark_boot_by_device();

}  // namespace testinit
