// PID 1 of a guest that runs an image: makes the image the root, starts and reports the processes
// that the host asks for (guest/protocol/agent.h), and powers off at the end. Users wait for the
// start, so no unneeded system call is made, and connections to the host are begun first.
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/init/config.h"
#include "guest/init/control.h"
#include "guest/init/directories.h"
#include "guest/init/host.h"
#include "guest/init/netlink.h"
#include "guest/init/network.h"
#include "guest/init/ports.h"
#include "guest/init/power.h"
#include "guest/init/process_limit.h"
#include "guest/init/processes.h"
#include "guest/init/root.h"
#include "guest/init/serve.h"
#include "guest/init/sysctl.h"
#include "guest/init/volumes.h"
#include "guest/protocol/boot_marker.h"

namespace bothy::init {
namespace {

using namespace agent;

void mark_boot() {
  if (ioperm(kBootMarkerPort, 1, 1) == 0) outb(kBootMarkerInitStarted, kBootMarkerPort);
}

// Without a console, descriptors 0, 1 and 2 are free and would be taken by streams. Messages then
// go to the kernel's log, which an early console may show.
void hold_standard() {
  if (fcntl(2, F_GETFD) >= 0) return;
  int fd = 0;
  while (fd >= 0 && fd < 1) fd = openat(AT_FDCWD, "/dev/null", O_RDWR);
  if (openat(AT_FDCWD, "/dev/kmsg", O_WRONLY) == 2) {
    say_to_kernel_log();
  } else {
    openat(AT_FDCWD, "/dev/null", O_RDWR);
  }
}

// Initializes the random number generator, without help of the processor or a device.
void seed(Text bytes) {
  struct {
    int bits;
    int size;
    char bytes[256];
  } pool;
  if (bytes.size > sizeof pool.bytes) return;
  memcpy(pool.bytes, bytes.data, bytes.size);
  pool.size = static_cast<int>(bytes.size);
  pool.bits = 8 * pool.size;
  const int fd = openat(AT_FDCWD, "/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) != 0) say("can't seed the random number generator");
  close(fd);
}

// EEXIST: loaded already. ENODEV: for hardware that is missing, such as the modules for particular
// processors that other modules list as dependencies.
void load_module(Text name) {
  Line path;
  path.add(kModulesPath).add("/").add(name);
  const int fd = openat(AT_FDCWD, path.string(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST && errno != ENODEV)) {
    Line what;
    fail(what.add("can't load kernel module ").add(name).text(), errno);
  }
  close(fd);
}

Config read_config() {
  Config config;
  const Text all = read_file(kConfigPath, kMaxConfig);
  if (all.data == nullptr) fail("can't read the host's configuration", errno);
  if (!config.parse(all)) fail("the host's configuration is invalid or has another version");
  return config;
}

void set_up_guest(const Config& config) {
  if (config.hostname.size > 0 && sethostname(config.hostname.data, config.hostname.size) != 0)
    fail("can't set the host name", errno);
  raise_loopback();
  config.for_each(kInterface, set_up_interface);
  config.for_each(kNetlink, ask_netlink);
  enter_root(config);
  config.for_each(kSysctl, set_sysctl);
  config.for_each(kProcessLimit, limit_processes);
  config.for_each(kFile, write_root_file);
  config.for_each(kMount, mount_volume);
}

[[noreturn]] void run() {
  mark_boot();
  signal(SIGPIPE, SIG_IGN);
  mount_devices();
  hold_standard();
  const Config config = read_config();
  config.for_each(kSeed, seed);
  config.for_each(kModule, load_module);
  ProcessSpec spec;
  if (!spec.parse(config.process)) fail("the host's configuration has no valid first process");

  control_begin();
  const bool has_host = host_state() == HostState::kThere;
  const Connections connections = has_host ? begin_streams(spec) : Connections{};
  serve_open(config);
  set_up_guest(config);
  if (config.read_only) make_directories(spec.directory);
  seal_root(config);
  if (has_host) {
    serve_host();
    if (config.watch_ports) watch_ports();
    start_first(spec, connections);
  } else {
    start_on_console(spec);
  }
  serve();
}

}  // namespace
}  // namespace bothy::init

int main() {
  if (getpid() != 1) {
    bothy::init::say("bothy-init must be the first process (PID 1) of a guest");
    return 1;
  }
  bothy::init::run();
}
