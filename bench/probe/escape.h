// One way out of a subject, tried for real. Each leaves the host as it was: what is written is what
// was read, what is mounted or made is removed, and calls that would do harm get arguments that are
// refused after permission was checked.
#pragma once

#include <stddef.h>

namespace bothy::probe {

// Where a way says what it found.
struct Detail {
  char text[160];
};

struct Way {
  const char* name;
  // Whether it led anywhere. Runs in a child process: it may be killed for it.
  bool (*allowed)(const char* token, Detail& detail);
};

// Ends with a null name, each.
extern const Way kHostWays[];    // to what the benchmark has put on the host
extern const Way kKernelWays[];  // to the kernel, by system calls
extern const Way kFileWays[];    // to the kernel and its devices, by files

// `text` and the reason that errno has.
void note(Detail& detail, const char* text);
// Whether the path can be opened; notes the path or the reason.
bool opens(const char* path, int flags, Detail& detail);

}  // namespace bothy::probe
