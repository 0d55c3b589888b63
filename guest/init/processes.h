// The processes that the host has started here, and their streams.
#pragma once

#include <sys/types.h>

#include "guest/init/config.h"
#include "guest/init/pump.h"

namespace bothy::init {

// Connections for a process's streams that are under way, one per stream it will have.
struct Connections {
  int fds[3] = {-1, -1, -1};
};
Connections begin_streams(const ProcessSpec& spec);

// Without a host: the first process has the console.
void start_on_console(ProcessSpec& spec);

// These answer the host by STARTED or NOT_STARTED. The first process's streams are connected while
// its root is still being made; a further one is all that a START frame says.
void start_first(ProcessSpec& spec, Connections connections);
void start_further(uint32_t number, Text records);

// All of these ignore numbers of no process: it may just have ended.
void signal_process(uint32_t number, int signal);
void resize_process(uint32_t number, uint16_t columns, uint16_t rows);

// Waits for none: takes the status of each process that has ended, the host's or an orphan.
void reap();

// Gives back what belonged to processes that are over. Between rounds of the loop only.
void release_ended();

// Whether process 0 has ended, or could not start, and the host was told.
bool first_is_over();

}  // namespace bothy::init
