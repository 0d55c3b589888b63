// The probes of files, ids, devices and limits; main().
#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

int probe_status = kNoneFound;

enum { kLongest = 100 };  // seconds that a probe may take

static void look_at_descriptors(const char* process) {
  char path[300];
  snprintf(path, sizeof(path), "/proc/%s/fd", process);
  DIR* directory = opendir(path);
  if (directory == NULL) {
    return;
  }
  for (const struct dirent* entry = NULL; (entry = readdir(directory)) != NULL;) {
    char target[300];
    const ssize_t size = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
    target[size < 0 ? 0 : size] = '\0';
    if (atoi(entry->d_name) > 2 && strncmp(target, "/proc", 5) != 0) {
      WEAK("process %s has the descriptor %s: %s", process, entry->d_name, target);
    }
  }
  closedir(directory);
}

// Descriptors but for the standard ones and the probe's own, of this process and of all others of
// the container.
static void probe_descriptors(char** arguments) {
  (void)arguments;
  DIR* processes = opendir("/proc");
  if (processes == NULL) {
    cannot("/proc");
  }
  for (const struct dirent* entry = NULL; (entry = readdir(processes)) != NULL;) {
    if (atoi(entry->d_name) > 0) {
      look_at_descriptors(entry->d_name);
    }
  }
  closedir(processes);
}

// A working directory, or the DIRECTORY, that isn't below the root.
static void probe_directory(char** arguments) {
  if (arguments[0] != NULL && chdir(arguments[0]) != 0) {
    cannot(arguments[0]);
  }
  char path[4096];
  if (syscall(SYS_getcwd, path, sizeof(path)) < 0 || path[0] != '/') {
    WEAK("outside of the root: %s", path);
  }
}

static int is_protected(const char* path) {
  struct statvfs mount;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const int seals = fcntl(file, F_GET_SEALS);
  const int sealed = seals > 0 && (seals & F_SEAL_WRITE) != 0;
  const int read_only = fstatvfs(file, &mount) == 0 && (mount.f_flag & ST_RDONLY) != 0;
  close(file);
  return sealed || read_only;
}

// FILE... that can be opened for writing, or could once no process executes them (ETXTBSY).
void probe_writable(char** arguments) {
  for (char** file = arguments; *file != NULL; ++file) {
    const int opened = open(*file, O_WRONLY | O_CLOEXEC);
    if ((opened >= 0 ||
         (errno != EROFS && errno != EACCES && errno != EPERM && errno != ENOENT)) &&
        !is_protected(*file)) {
      WEAK("%s may be written", *file);
    }
    close(opened);
  }
}

static int look_at_setting(const char* path, const struct stat* attributes, int kind,
                           struct FTW* place) {
  (void)place;
  if (kind == FTW_F && (attributes->st_mode & 0222) != 0 &&
      faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0) {
    WEAK("%s may be written", path);
  }
  return 0;
}

// Settings of the kernel below DIRECTORY... that may be written.
static void probe_settings(char** arguments) {
  for (char** directory = arguments; *directory != NULL; ++directory) {
    if (nftw(*directory, &look_at_setting, 20, FTW_PHYS) != 0) {
      cannot(*directory);
    }
  }
}

static int is_empty(const char* path) {
  DIR* directory = opendir(path);
  if (directory == NULL) {
    return 0;
  }
  int count = 0;
  while (readdir(directory) != NULL) {
    ++count;
  }
  closedir(directory);
  return count == 2;
}

// PATH... that is neither missing, nor the null device, nor an empty directory.
static void probe_masked(char** arguments) {
  for (char** path = arguments; *path != NULL; ++path) {
    struct stat found;
    if (stat(*path, &found) != 0) {
      continue;
    }
    const int null = S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3);
    if (!null && !(S_ISDIR(found.st_mode) && is_empty(*path))) {
      WEAK("%s is not masked", *path);
    }
  }
}

// A terminal, or a /dev/console, that isn't one of the kernel's.
static void probe_console(char** arguments) {
  (void)arguments;
  enum { kDevpts = 0x1cd1 };
  struct statfs kind;
  struct stat terminal;
  struct stat console;
  if (fstatfs(0, &kind) != 0 || kind.f_type != kDevpts || fstat(0, &terminal) != 0) {
    WEAK("stdin is not on a devpts");
  } else if (stat("/dev/console", &console) == 0 && console.st_rdev != terminal.st_rdev) {
    WEAK("/dev/console is not the terminal");
  }
}

static unsigned long long capability_set(const char* name) {
  FILE* file = fopen("/proc/self/status", "r");
  char line[300];
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    if (strncmp(line, name, strlen(name)) == 0) {
      fclose(file);
      return strtoull(line + strlen(name) + 1, NULL, 16);
    }
  }
  errno = ENOENT;
  cannot(name);
  return 0;
}

// Capabilities beyond MASK, in hexadecimal; inheritable or ambient ones.
static void probe_capabilities(char** arguments) {
  const unsigned long long mask = strtoull(arguments[0], NULL, 16);
  for (const char* const* name =
           (const char*[]){"CapInh", "CapAmb", "CapPrm", "CapEff", "CapBnd", NULL};
       *name; ++name) {
    const int none = strcmp(*name, "CapInh") == 0 || strcmp(*name, "CapAmb") == 0;
    const unsigned long long more = capability_set(*name) & ~(none ? 0 : mask);
    if (more != 0) {
      WEAK("%s has %llx", *name, more);
    }
  }
}

// Ids that are the host's.
static void probe_ids(char** arguments) {
  (void)arguments;
  FILE* map = fopen("/proc/self/uid_map", "r");
  unsigned inside = 0;
  unsigned outside = 0;
  while (map != NULL && fscanf(map, "%u %u %*u", &inside, &outside) == 2) {
    if (outside < 65536) {
      WEAK("user %u is the host's user %u", inside, outside);
    }
  }
}

// A key NAME that this process possesses.
static void probe_key(char** arguments) {
  if (syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", arguments[0], 0) > 0) {
    WEAK("the session keyring has the key %s", arguments[0]);
  }
}

// Runs COMMAND with a session keyring that has the key NAME: for the host's side.
static void run_with_key(char** arguments) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
      syscall(SYS_add_key, "user", arguments[0], "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0) {
    cannot("a session keyring");
  }
  execvp(arguments[1], arguments + 1);
  cannot(arguments[1]);
}

// More than LIMIT processes.
static void probe_processes(char** arguments) {
  const int limit = atoi(arguments[0]);
  int made = 0;
  while (made <= limit) {
    const pid_t child = fork();
    if (child < 0) {
      return;
    }
    if (child == 0) {
      pause();
    }
    ++made;
  }
  WEAK("more than %d processes", limit);
}

// MIB of memory; a limit below ends the process.
static void probe_memory(char** arguments) {
  const size_t size = (size_t)atoi(arguments[0]) << 20;
  char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return;
  }
  memset(memory, 1, size);
  WEAK("%s MiB of memory", arguments[0]);
}

// The block device MAJOR MINOR, made and read.
static void probe_device(char** arguments) {
  const char* path = "/probed-device";
  unlink(path);
  if (mknod(path, S_IFBLK | 0600,
            makedev(strtoul(arguments[0], NULL, 0), strtoul(arguments[1], NULL, 0))) != 0) {
    return;
  }
  char byte = 0;
  const int device = open(path, O_RDONLY);
  if (device >= 0 && read(device, &byte, 1) == 1) {
    WEAK("the device %s:%s can be read", arguments[0], arguments[1]);
  }
}

// A limit on the size of messages other than SIZE.
static void probe_message_limit(char** arguments) {
  struct msginfo limits;
  if (msgctl(0, IPC_INFO, (struct msqid_ds*)&limits) < 0) {
    cannot("msgctl");
  }
  if (limits.msgmax != atoi(arguments[0])) {
    WEAK("messages of up to %d bytes", limits.msgmax);
  }
}

// Exchanges A and B until it is killed.
static void exchange(char** arguments) {
  for (;;) {
    if (renameat2(AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], RENAME_EXCHANGE) != 0) {
      cannot("renameat2");
    }
  }
}

static const struct {
  const char* name;
  int arguments;
  void (*run)(char** arguments);
} kProbes[] = {
    {"descriptors", 0, &probe_descriptors},
    {"directory", 0, &probe_directory},
    {"writable", 1, &probe_writable},
    {"settings", 1, &probe_settings},
    {"masked", 1, &probe_masked},
    {"console", 0, &probe_console},
    {"capabilities", 1, &probe_capabilities},
    {"ids", 0, &probe_ids},
    {"key", 1, &probe_key},
    {"with-key", 2, &run_with_key},
    {"processes", 1, &probe_processes},
    {"memory", 1, &probe_memory},
    {"device", 2, &probe_device},
    {"message-limit", 1, &probe_message_limit},
    {"exchange", 2, &exchange},
    {"calls", 0, &probe_calls},
    {"namespaces", 0, &probe_namespaces},
    {"old-calls", 0, &probe_old_calls},
    {"executable", 0, &probe_executable},
    {"entering", 1, &probe_entering},
    {"hold", 0, &hold_processes},
};

int main(int count, char** arguments) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  alarm(kLongest);
  for (size_t i = 0; i < sizeof(kProbes) / sizeof(kProbes[0]); ++i) {
    if (count > 1 && strcmp(arguments[1], kProbes[i].name) == 0 &&
        count - 2 >= kProbes[i].arguments) {
      kProbes[i].run(arguments + 2);
      return probe_status;
    }
  }
  fprintf(stderr, "probe: unknown probe, or arguments are missing\n");
  return kCannotTell;
}
