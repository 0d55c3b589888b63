// The rig's init: process 1 of the emulated machine. It loads modules, makes device nodes, cgroups and the
// network, waits for the job, mounts a writable layer over the host's file tree and runs the job there. It is one static program
// without a shell, because each process start under emulation costs tenths of a second.
#define _GNU_SOURCE
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void vnote(const char *format, va_list arguments) {
  // Priority 1, an alert, is printed on a quiet console as well. The kernel prints a line at its newline.
  char line[400] = "<1>rig: ";
  size_t used = strlen(line);
  vsnprintf(line + used, sizeof line - used - 1, format, arguments);
  strcat(line, "\n");
  int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (write(fd, line, strlen(line)) < 0) {
      // No way is left to report a failure.
    }
    close(fd);
  }
}

void note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vnote(format, arguments);
  va_end(arguments);
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vnote(format, arguments);
  va_end(arguments);
  // QEMU has -no-reboot: a reset ends it.
  reboot(RB_AUTOBOOT);
  for (;;) {
    pause();
  }
}

// --- modules ---

static void load_module(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "/modules/%s.ko", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    fail("module %s: %s", name, strerror(errno));
  }
  if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) {
    fail("module %s: %s", name, strerror(errno));
  }
  close(fd);
}

// A list holds module names, one a line, each after its dependencies.
static void load_modules(const char *list) {
  FILE *file = fopen(list, "re");
  if (!file) {
    fail("%s: %s", list, strerror(errno));
  }
  char name[64];
  while (fscanf(file, "%63s", name) == 1) {
    load_module(name);
  }
  fclose(file);
}

// The port to the host appears a moment after its driver; its name begins with the device's number among all virtio
// devices, and ends with its own.
static int open_port(void) {
  for (int tries = 0; tries < 5000; ++tries) {
    DIR *nodes = opendir("/dev");
    for (struct dirent *node; nodes && (node = readdir(nodes));) {
      size_t length = strlen(node->d_name);
      if (length > 7 && strncmp(node->d_name, "vport", 5) == 0 && strcmp(node->d_name + length - 2, "p1") == 0) {
        int fd = openat(dirfd(nodes), node->d_name, O_RDWR | O_CLOEXEC);
        if (fd < 0) {
          fail("%s: %s", node->d_name, strerror(errno));
        }
        closedir(nodes);
        return fd;
      }
    }
    closedir(nodes);
    usleep(1000);
  }
  fail("the port to the host has not appeared");
}

// --- files ---

void make_directories(const char *path) {
  char copy[4096];
  snprintf(copy, sizeof copy, "%s", path);
  for (char *slash = copy + 1; (slash = strchr(slash, '/')); ++slash) {
    *slash = '\0';
    mkdir(copy, 0755);
    *slash = '/';
  }
  mkdir(copy, 0755);
}

void mount_or_fail(const char *source, const char *target, const char *type, unsigned long flags,
                   const char *options) {
  make_directories(target);
  if (mount(source, target, type, flags, options) != 0) {
    fail("mount %s on %s (%s): %s", source, target, options ? options : "", strerror(errno));
  }
}

// For features that a kernel may lack: a failure is only printed on the console.
void mount_or_note(const char *source, const char *target, const char *type, unsigned long flags,
                   const char *options) {
  if (mount(source, target, type, flags, options) != 0) {
    note("mount %s on %s: %s", source, target, strerror(errno));
  }
}

void write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) {
    note("%s: %s", path, strerror(errno));
  }
  if (fd >= 0) {
    close(fd);
  }
}

// --- start ---

static void set_limits(void) {
  struct rlimit files = {.rlim_cur = 1024, .rlim_max = 524288};
  struct rlimit core = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
  setrlimit(RLIMIT_NOFILE, &files);
  setrlimit(RLIMIT_CORE, &core);
}

int main(void) {
  umask(022);
  mount_or_fail("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL);
  // /dev/kvm and the network come up on one CPU while the file tree does on the other.
  pid_t loader = fork();
  if (loader == 0) {
    load_modules("/modules/machine.list");
    _exit(0);
  }
  load_modules("/modules/tree.list");
  int loaded = 0;
  if (waitpid(loader, &loaded, 0) != loader || loaded != 0) {
    fail("loading modules failed");
  }
  prepare_machine();
  int port = open_port();
  // prepare.sh waits for this line before it saves the machine's state.
  note("ready");
  struct job job = take_job(port);
  enter_tree(&job);
  set_limits();
  note("up, running %s", job.argv[0]);
  int status = run_session(&job, port);
  int out = open(job.out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (out >= 0) {
    syncfs(out);
  }
  finish(port, status);
}
