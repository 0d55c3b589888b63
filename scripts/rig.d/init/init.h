// What the parts of the rig's init share: init.c starts, machine.c makes a machine of it, session.c
// runs the job.
#ifndef INIT_H
#define INIT_H

#include "../frame.h"

#include <stdbool.h>
#include <stddef.h>

enum { max_keep = 64 };

// The job, which scripts/rig writes down as NUL-terminated "key=value" records.
struct job {
  const char* cwd;
  const char* out;      // the host directory that is writable here at its own path
  const char* modules;  // the kernel's unpacked module tree, a path on the host
  bool terminal;        // the job gets a terminal
  char**
      keep;  // host paths that stay visible below what the machine covers with a tmpfs of its own
  char** env;
  char** argv;
};

// Says one line on the machine's console, and nowhere else.
void note(const char* format, ...) __attribute__((format(printf, 1, 2)));
// The same, and then the end of the machine: the host sees no status and reports the console.
_Noreturn void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
// Tells the host the job's exit status, upon which it ends the machine.
_Noreturn void finish(int port, int status);

void make_directories(const char* path);
void write_file(const char* path, const char* text);
void mount_or_fail(const char* source, const char* target, const char* type, unsigned long flags,
                   const char* options);
// For what a kernel may lack: said on the console, no more.
void mount_or_note(const char* source, const char* target, const char* type, unsigned long flags,
                   const char* options);

// Mounts and makes, in the initial root, all of a machine that doesn't depend on the job.
void prepare_machine(void);
// Makes the host's file tree the root, with a memory-backed layer over it for every write.
void enter_tree(const struct job* job);

// Says one frame to the host.
void send_frame(int port, enum frame_kind kind, const void* bytes, size_t length);
bool read_all(int fd, void* bytes, size_t length);
// Takes the clock, some entropy and the job from the host, as soon as it sends them.
struct job take_job(int port);
// Runs the job to its end, carrying its output to the host as it comes; returns its exit status.
int run_session(const struct job* job, int port);

#endif
