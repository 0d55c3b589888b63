// The workload of `bothy bench`: one static program, the same in every subject, so that what
// differs is the subject. Durations are differences of this kernel's own CLOCK_MONOTONIC; it never
// reports a time of day. No C++ library: C headers alone.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bothy::probe {

inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;

// Nanoseconds of CLOCK_MONOTONIC.
int64_t now();

// Writes all of it to stdout at once, unbuffered; false when stdout is closed.
bool say(const char* format, ...) __attribute__((format(printf, 1, 2)));
// "failed: <what>: <strerror>" on stdout; returns kFailure.
int fail(const char* what);

// The positive number in `text`; 0 for anything else.
long to_count(const char* text);

// first: one byte at once. ASCII's ACK: no console's own messages have it.
inline constexpr char kFirstByte = 6;
int first();
// serve PORT: answers HTTP requests; says "listening" first.
int serve(const char* port);
// idle MIB: touches that much memory, says "ready", and answers each byte of stdin by "worked"
// after a little work. Ends with SIGTERM; a closed stdin doesn't end it.
int idle(const char* mib);
// work: a little work, and "worked". await: the same, once idle() is ready in the same instance.
int work();
int await();

// inside NAME[,NAME...] REPETITIONS MILLISECONDS: a line "<name> <operations> <nanoseconds>" for
// each repetition, each of about that many milliseconds, or "<name> failed: <reason>"; "end" at the
// end.
int inside(char* names, const char* repetitions, const char* milliseconds);

// One kind of operation. `run` makes `count` of them and returns the nanoseconds that they took,
// or a negative number with errno set.
struct Measure {
  const char* name;
  int64_t (*run)(int64_t count);
  int64_t first_count;  // of the calibration
};
extern const Measure kProcessMeasures[];  // each list ends with a null name
extern const Measure kMemoryMeasures[];
extern const Measure kFileMeasures[];
extern const Measure kNetworkMeasures[];
extern const Measure kStorageMeasures[];
extern const Measure kPathMeasures[];

// storage NAME[,NAME...] REPETITIONS MILLISECONDS keep|drop DIR: as inside(), in a file of DIR;
// "file-system <type>" first. drop: this kernel's cached pages are dropped before a file is read.
int storage(char* names, const char* repetitions, const char* milliseconds, const char* cache,
            const char* directory);

// answer PORT: the other end for network(), until SIGTERM; says "listening" first.
int answer(const char* port);
// network PORT NAME[,NAME...] REPETITIONS MILLISECONDS: as inside(), between this process and
// answer() at that port of 127.0.0.1, or a process of its own where PORT is 0.
int network(const char* port, char* names, const char* repetitions, const char* milliseconds);

// TCP sockets. Each is -1 where it fails, with errno set.
// Listening at `address` and *port, which is set when it was 0. Both in the host's byte order.
int listen_at(uint32_t address, uint16_t* port);
int connect_loopback(uint16_t port);
void send_at_once(int connection);  // TCP_NODELAY
// Handles and closes one connection after another; returns a failure alone.
int handle_all(int listener, void (*handle)(int connection));
// The same at a port of all addresses, until SIGTERM; says "listening" first.
int serve_with(const char* port, void (*handle)(int connection));
// A new network namespace has its loopback interface down. Where that may not be changed,
// connecting fails and says so.
void raise_loopback();

// escape TOKEN: a line "<probe> allowed|refused <detail>" for each way out that is tried. TOKEN
// marks what the benchmark has put on the host.
int escape(const char* token);
// sentinel TOKEN: what is on the host for escape() to find: a process, an abstract socket, a shared
// memory segment, a key. Says "ready"; ends when stdin does.
int sentinel(const char* token);
uint32_t hash_of(const char* token);

// hog NAME MIB: takes as much as it gets of one thing (cpu, memory, forks, io, descriptors) until
// SIGTERM, at most so much memory. Says "ready" first.
int hog(const char* name, const char* mib);
// victim REQUESTS MICROSECONDS: a request each so many microseconds, each a little of everything
// that hogs take; then a line "request <nanoseconds>" each, from when it was due to its end, and
// "end".
int victim(const char* requests, const char* period_us);

// exec PROGRAM ARGUMENT...: becomes a program of the image's own.
int run_own(char** argv);

// For workloads that stay: SIGTERM ends them; "ready", for await() as well.
void end_with_signals();
void say_ready();

// facts: lines "<name>=<value>": what a process here learns of the machine.
int facts();

// guest ARGUMENT...: as PID 1 of a virtual machine: mounts /proc, /sys, /dev, /tmp, runs the probe
// with these arguments, says "status <n>", and turns the machine off.
int guest(int argc, char** argv);

int dispatch(int argc, char** argv);

}  // namespace bothy::probe
