// What the probes have in common. A probe runs inside a container, "probe NAME ARGUMENT...", prints
// a line for each weakness that it finds, and ends with 0 (none found), 3 (some) or 2 (it can't
// tell).
#pragma once

#include <stdio.h>
#include <stdlib.h>

enum { kNoneFound = 0, kCannotTell = 2, kFound = 3 };

extern int probe_status;

#define WEAK(...) (printf(__VA_ARGS__), putchar('\n'), probe_status = kFound)

// Ends the probe: errno says why.
static inline void cannot(const char* what) {
  perror(what);
  exit(kCannotTell);
}

// Each takes the arguments behind the probe's name, ended by NULL.
void probe_writable(char** arguments);
void probe_calls(char** arguments);
void probe_namespaces(char** arguments);
void probe_old_calls(char** arguments);
void probe_executable(char** arguments);
void probe_entering(char** arguments);
void hold_processes(char** arguments);
