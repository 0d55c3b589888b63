// The processes that the host has started, and their streams.
#pragma once

#include <sys/types.h>

#include "guest/init/config.h"
#include "guest/init/pump.h"

namespace bothy::init {

// Connections under way, one for each stream of a process.
struct Connections {
  int fds[3] = {-1, -1, -1};
};
Connections begin_streams(const ProcessSpec& spec);

// Without a host: the first process uses the console.
void start_on_console(ProcessSpec& spec);

// Both answer with STARTED or NOT_STARTED. The first process's streams are connected while its root
// is still being made; `records` are the content of a START frame.
void start_first(ProcessSpec& spec, Connections connections);
void start_further(uint32_t number, Text records);

// Numbers of unknown processes are ignored: the process may just have ended.
void signal_process(uint32_t number, int signal);
void resize_process(uint32_t number, uint16_t columns, uint16_t rows);

// Reaps all processes that have ended, orphans included, without blocking.
void reap();

// Frees processes that are over. To be called between rounds of the loop only.
void release_ended();

// Whether process 0 has ended or failed to start, and the host was told.
bool first_is_over();

}  // namespace bothy::init
