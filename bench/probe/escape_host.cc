// Ways to what the benchmark has put on the host, all of it marked by the token.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/probe/escape.h"
#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

// linux/keyctl.h
constexpr int kSearch = 10;
constexpr int kUserKeyring = -4;
constexpr int kUserSessionKeyring = -5;
constexpr int kSessionKeyring = -3;

constexpr size_t kShared = 4096;

struct Name {
  char text[96];
};
Name marked(const char* prefix, const char* token) {
  Name name;
  snprintf(name.text, sizeof name.text, "%s%s", prefix, token);
  return name;
}
Name host_file(const char* token) {
  return marked("/tmp/bothy-bench-", token);
}

sockaddr_un abstract_address(const char* token, socklen_t& size) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const Name name = marked("bothy-bench-", token);
  strcpy(address.sun_path + 1, name.text);
  size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + strlen(name.text));
  return address;
}

bool has_token(const char* path, const char* token) {
  char text[256] = {};
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t count = fd < 0 ? -1 : read(fd, text, sizeof text);
  if (fd >= 0) {
    close(fd);
  }
  return count > 0 && memmem(text, static_cast<size_t>(count), token, strlen(token)) != nullptr;
}

bool read_host_file(const char* token, Detail& detail) {
  const Name path = host_file(token);
  if (has_token(path.text, token)) {
    snprintf(detail.text, sizeof detail.text, "its text was read");
    return true;
  }
  note(detail, path.text);
  return false;
}

// Calls `visit` with each process's directory in /proc but this one's, until it returns true.
template <class Visit>
bool any_process(Visit visit) {
  DIR* directory = opendir("/proc");
  bool found = false;
  while (directory != nullptr && !found) {
    const dirent* entry = readdir(directory);
    if (entry == nullptr) {
      break;
    }
    const pid_t pid = atoi(entry->d_name);
    found = pid > 0 && pid != getpid() && visit(pid);
  }
  if (directory != nullptr) {
    closedir(directory);
  }
  return found;
}

bool read_by_other_roots(const char* token, Detail& detail) {
  snprintf(detail.text, sizeof detail.text, "no process's root leads there");
  return any_process([&](pid_t pid) {
    char path[160];
    snprintf(path, sizeof path, "/proc/%d/root%s", pid, host_file(token).text);
    const bool found = has_token(path, token);
    if (found) {
      snprintf(detail.text, sizeof detail.text, "read by /proc/%d/root", pid);
    }
    return found;
  });
}

// The sentinel's process; 0 when it isn't seen. Its command line ends with the token, as this
// program's own does and its parents'; the verb tells them apart.
pid_t find_sentinel(const char* token) {
  pid_t sentinel = 0;
  any_process([&](pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    if (has_token(path, token) && has_token(path, "sentinel")) {
      sentinel = pid;
    }
    return sentinel != 0;
  });
  return sentinel;
}

bool see_process(const char* token, Detail& detail) {
  const pid_t pid = find_sentinel(token);
  snprintf(detail.text, sizeof detail.text, pid > 0 ? "seen as process %d" : "not seen", pid);
  return pid > 0;
}

bool signal_process(const char* token, Detail& detail) {
  const pid_t pid = find_sentinel(token);
  errno = pid > 0 ? 0 : ESRCH;
  const bool reached = pid > 0 && kill(pid, 0) == 0;
  note(detail, "kill");
  return reached;
}

bool trace_process(const char* token, Detail& detail) {
  const pid_t pid = find_sentinel(token);
  errno = pid > 0 ? 0 : ESRCH;
  const bool traced = pid > 0 && ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0;
  note(detail, "ptrace");
  // This process ends at once, which detaches it.
  return traced;
}

bool enter_namespace(const char* token, Detail& detail) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", find_sentinel(token));
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const bool entered = fd >= 0 && setns(fd, CLONE_NEWNS) == 0;
  note(detail, "setns");
  return entered;
}

bool connect_abstract(const char* token, Detail& detail) {
  socklen_t size = 0;
  const sockaddr_un address = abstract_address(token, size);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0;
  note(detail, "connect");
  return connected;
}

bool attach_memory(const char* token, Detail& detail) {
  const int id = shmget(static_cast<key_t>(hash_of(token)), kShared, 0);
  note(detail, "shmget");
  return id >= 0;
}

bool find_key(const char* token, Detail& detail) {
  const Name name = marked("bothy-bench-", token);
  const int keyrings[] = {kUserKeyring, kUserSessionKeyring, kSessionKeyring};
  for (const int keyring : keyrings) {
    if (syscall(SYS_keyctl, kSearch, keyring, "user", name.text, 0) > 0) {
      snprintf(detail.text, sizeof detail.text, "found in keyring %d", keyring);
      return true;
    }
  }
  note(detail, "keyctl");
  return false;
}

bool reach_engine(const char*, Detail& detail) {
  snprintf(detail.text, sizeof detail.text, "no engine's socket is here");
  static constexpr const char* kPaths[] = {"/run/docker.sock", "/var/run/docker.sock",
                                           "/run/containerd/containerd.sock", "/run/crio/crio.sock",
                                           "/run/podman/podman.sock"};
  for (const char* path : kPaths) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      snprintf(detail.text, sizeof detail.text, "%s answers", path);
      return true;
    }
    close(fd);
  }
  return false;
}

}  // namespace

extern const Way kHostWays[] = {{"host-file", read_host_file},
                                {"host-file-by-proc", read_by_other_roots},
                                {"host-process", see_process},
                                {"host-process-signal", signal_process},
                                {"host-process-trace", trace_process},
                                {"host-namespace", enter_namespace},
                                {"host-abstract-socket", connect_abstract},
                                {"host-shared-memory", attach_memory},
                                {"host-key", find_key},
                                {"engine-socket", reach_engine},
                                {nullptr, nullptr}};

uint32_t hash_of(const char* token) {
  uint32_t sum = 2166136261U;
  for (; *token != '\0'; ++token) {
    sum = (sum ^ static_cast<uint8_t>(*token)) * 16777619U;
  }
  return sum & 0x7fffffffU;
}

int sentinel(const char* token) {
  const Name path = host_file(token);
  const int file = open(path.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  socklen_t size = 0;
  const sockaddr_un address = abstract_address(token, size);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int memory =
      shmget(static_cast<key_t>(hash_of(token)), kShared, IPC_CREAT | IPC_EXCL | 0666);
  const long key = syscall(SYS_add_key, "user", marked("bothy-bench-", token).text, token,
                           strlen(token), kUserKeyring);
  const bool made = file >= 0 && write(file, token, strlen(token)) > 0 && listener >= 0 &&
                    bind(listener, reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
                    listen(listener, 16) == 0 && memory >= 0;
  if (!made) {
    fail("sentinel");
  } else {
    // A kernel without keys has none to find.
    say("ready %s\n", key > 0 ? "with a key" : "without a key");
  }
  char byte = 0;
  while (made && read(STDIN_FILENO, &byte, 1) > 0) {
  }
  unlink(path.text);
  if (memory >= 0) {
    shmctl(memory, IPC_RMID, nullptr);
  }
  if (key > 0) {
    constexpr int kUnlink = 9;
    syscall(SYS_keyctl, kUnlink, key, kUserKeyring);
  }
  return made ? 0 : kFailure;
}

}  // namespace bothy::probe
