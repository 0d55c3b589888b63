// Makes a machine of the host's file tree: kernel file systems, device nodes, cgroups, network.
#define _GNU_SOURCE
#include "init.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

// Covers PATH with an empty tmpfs. The job's own paths below it are bind-mounted again on top.
static void cover(const char *path, const char *options, char **keep) {
  int held[max_keep];
  size_t length = strlen(path);
  for (size_t i = 0; keep[i]; ++i) {
    bool below = strncmp(keep[i], path, length) == 0 && keep[i][length] == '/';
    held[i] = below ? (int)syscall(SYS_open_tree, AT_FDCWD, keep[i], 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC) : -1;
  }
  mount_or_fail("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options);
  for (size_t i = 0; keep[i]; ++i) {
    if (held[i] < 0) {
      continue;
    }
    struct stat status;
    if (fstatat(held[i], "", &status, AT_EMPTY_PATH) == 0 && S_ISDIR(status.st_mode)) {
      make_directories(keep[i]);
    } else {
      char parent[4096];
      snprintf(parent, sizeof parent, "%s", keep[i]);
      *strrchr(parent, '/') = '\0';
      make_directories(parent);
      close(open(keep[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    }
    if (syscall(SYS_move_mount, held[i], "", AT_FDCWD, keep[i], 4 /* MOVE_MOUNT_F_EMPTY_PATH */) != 0) {
      note("%s: can't be kept visible: %s", keep[i], strerror(errno));
    }
    close(held[i]);
  }
}

// The nodes whose modules load when first opened, as a running system's kmod makes them.
static void make_device_nodes(void) {
  FILE *file = fopen("/modules/modules.devname", "re");
  if (!file) {
    note("modules.devname: %s", strerror(errno));
    return;
  }
  char line[256];
  while (fgets(line, sizeof line, file)) {
    char name[64];
    char type = 0;
    unsigned major = 0;
    unsigned minor = 0;
    if (sscanf(line, "%*s %63s %c%u:%u", name, &type, &major, &minor) == 4) {
      char node[80];
      snprintf(node, sizeof node, "/dev/%s", name);
      char *slash = strrchr(node, '/');
      *slash = '\0';
      make_directories(node);
      *slash = '/';
      mknod(node, 0600 | (type == 'b' ? S_IFBLK : S_IFCHR), makedev(major, minor));
    }
  }
  fclose(file);
  static const char *const open_to_all[] = {"/dev/kvm", "/dev/net/tun", "/dev/vhost-net", "/dev/vhost-vsock", "/dev/fuse"};
  for (size_t i = 0; i < sizeof open_to_all / sizeof *open_to_all; ++i) {
    chmod(open_to_all[i], 0666);
  }
  static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                         {"/proc/self/fd/0", "/dev/stdin"},
                                         {"/proc/self/fd/1", "/dev/stdout"},
                                         {"/proc/self/fd/2", "/dev/stderr"}};
  for (size_t i = 0; i < sizeof links / sizeof *links; ++i) {
    if (symlink(links[i][0], links[i][1]) != 0) {
      note("%s: %s", links[i][1], strerror(errno));
    }
  }
}

// Gives every controller to the groups below the root, as systemd does on a machine.
static void enable_controllers(void) {
  size_t used = 0;
  char names[256];
  int fd = open("/sys/fs/cgroup/cgroup.controllers", O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? 0 : read(fd, names, sizeof names - 1);
  names[got > 0 ? got : 0] = '\0';
  close(fd);
  char request[320] = "";
  for (char *name = strtok(names, " \n"); name; name = strtok(NULL, " \n")) {
    used += (size_t)snprintf(request + used, sizeof request - used, "+%s ", name);
  }
  write_file("/sys/fs/cgroup/cgroup.subtree_control", request);
}

static void set_address(int fd, struct ifreq *request, unsigned long operation, const char *address) {
  struct sockaddr_in *in = (struct sockaddr_in *)&request->ifr_addr;
  memset(in, 0, sizeof *in);
  in->sin_family = AF_INET;
  inet_pton(AF_INET, address, &in->sin_addr);
  if (ioctl(fd, operation, request) != 0) {
    note("%s: %s", request->ifr_name, strerror(errno));
  }
}

static void bring_up(int fd, const char *name, const char *address, const char *mask) {
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  if (address) {
    set_address(fd, &request, SIOCSIFADDR, address);
    set_address(fd, &request, SIOCSIFNETMASK, mask);
  }
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) {
    note("%s: %s", name, strerror(errno));
  }
}

// Loopback, and a dummy interface with a default route, which user-mode network programs (passt) look for. The addresses
// are RFC 5737's TEST-NET-1.
static void start_network(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bring_up(fd, "lo", NULL, NULL);
  bring_up(fd, "dummy0", "192.0.2.2", "255.255.255.0");
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
  struct sockaddr_in any = {.sin_family = AF_INET};
  struct sockaddr_in gateway = any;
  inet_pton(AF_INET, "192.0.2.1", &gateway.sin_addr);
  memcpy(&route.rt_gateway, &gateway, sizeof gateway);
  memcpy(&route.rt_dst, &any, sizeof any);
  memcpy(&route.rt_genmask, &any, sizeof any);
  if (ioctl(fd, SIOCADDRT, &route) != 0) {
    note("default route: %s", strerror(errno));
  }
  close(fd);
  sethostname("rig", 3);
}

void prepare_machine(void) {
  mount_or_fail("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_or_fail("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_or_fail("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate");
  mount_or_note("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
  mount_or_note("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
  mount_or_note("securityfs", "/sys/kernel/security", "securityfs", 0, NULL);
  mount_or_note("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
  mount_or_fail("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
  mount_or_fail("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=80%");
  mount_or_fail("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_or_fail("hugetlbfs", "/dev/hugepages", "hugetlbfs", MS_NOSUID | MS_NODEV, NULL);
  make_device_nodes();
  enable_controllers();
  start_network();
  // Measurements need both, and the machine has no other users.
  write_file("/proc/sys/kernel/perf_event_paranoid", "-1");
  write_file("/proc/sys/kernel/kptr_restrict", "0");
}

void enter_tree(const struct job *job) {
  mount_or_fail("host", "/host", "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,cache=loose,msize=512000");
  mount_or_fail("tmpfs", "/layer", "tmpfs", 0, "mode=755,size=80%");
  make_directories("/layer/upper");
  make_directories("/layer/work");
  mount_or_fail("overlay", "/root", "overlay", 0, "lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work");
  char target[4096];
  char source[4096];
  struct utsname kernel;
  uname(&kernel);
  // Directly from the host: modules are read once and never written.
  snprintf(source, sizeof source, "/host%s", job->modules);
  snprintf(target, sizeof target, "/root/lib/modules/%s", kernel.release);
  mount_or_fail(source, target, NULL, MS_BIND, NULL);
  snprintf(target, sizeof target, "/root%s", job->out);
  mount_or_fail("out", target, "9p", 0, "trans=virtio,version=9p2000.L,cache=mmap,msize=262144");
  mount_or_fail("/proc", "/root/proc", NULL, MS_MOVE, NULL);
  mount_or_fail("/sys", "/root/sys", NULL, MS_MOVE, NULL);
  mount_or_fail("/dev", "/root/dev", NULL, MS_MOVE, NULL);
  // Kernel threads share this process's root, so the modules they ask for are looked up in the new one, too.
  if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0) {
    fail("can't enter the file tree: %s", strerror(errno));
  }
  // The machine has its own state, and an overlayfs upper (a container store's) can't be on an overlayfs.
  cover("/run", "mode=755,size=80%", job->keep);
  cover("/tmp", "mode=1777,size=80%", job->keep);
  cover("/var/tmp", "mode=1777,size=80%", job->keep);
  cover("/var/lib/containers", "mode=755,size=80%", job->keep);
  make_directories("/run/lock");
}
