#include "guest/init/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/init/power.h"

namespace bothy::init {
namespace {

// Directories in the initramfs, made by the host.
constexpr char kImage[] = "/bothy/image";
constexpr char kScratch[] = "/bothy/scratch";
constexpr char kUpper[] = "/bothy/scratch/upper";
constexpr char kWork[] = "/bothy/scratch/work";
constexpr char kRoot[] = "/bothy/root";

constexpr unsigned long kNoPrograms = MS_NOSUID | MS_NODEV | MS_NOEXEC;

int scratch_disk = -1;  // the scratch disk's root directory

void mount_or_fail(const char* source, const char* target, const char* type, unsigned long flags,
                   const char* options) {
  if (mount(source, target, type, flags, options) != 0) {
    Line what;
    fail(what.add("can't mount ").add(source).add(" as ").add(type).text(), errno);
  }
}

void mount_scratch(const Config& config) {
  if (config.scratch_device.size > 0) {
    mount_or_fail(CString(config.scratch_device).get(), kScratch, "ext4", MS_NOATIME, nullptr);
    scratch_disk = openat(AT_FDCWD, kScratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  } else {
    Line options;
    options.add("mode=0755");
    if (config.scratch_size > 0) options.add(",size=").add_number(config.scratch_size);
    mount_or_fail("scratch", kScratch, "tmpfs", 0, options.string());
  }
  if ((mkdir(kUpper, 0755) != 0 || mkdir(kWork, 0755) != 0) && errno != EEXIST)
    fail("can't make the overlay's directories", errno);
}

// The overlay's root has the mode and owner of the upper directory: copy the image's.
void copy_root_owner() {
  struct stat status;
  if (stat(kImage, &status) != 0) return;
  if (status.st_uid != 0 || status.st_gid != 0) {
    if (chown(kUpper, status.st_uid, status.st_gid) != 0) return;
  }
  if ((status.st_mode & 07777) != 0755) chmod(kUpper, status.st_mode & 07777);
}

void system_mount(const char* type, const char* target, unsigned long flags, const char* options) {
  if (mount(type, target, type, flags, options) == 0) return;
  if (errno == ENOENT && mkdir(target, 0755) == 0 && mount(type, target, type, flags, options) == 0)
    return;
  Line what;
  fail(what.add("can't mount ").add(target).text(), errno);
}

// For file systems that a kernel may lack.
void optional_mount(const char* type, const char* target, const char* options) {
  if (mount(type, target, type, kNoPrograms, options) != 0 && errno != ENODEV && errno != ENOENT) {
    Line what;
    say(what.add("can't mount ").add(target).add(": ").add(error_text(errno)).text());
  }
}

void populate_devices() {
  mkdir("/dev/pts", 0755);
  mkdir("/dev/shm", 01777);
  mkdir("/dev/mqueue", 01777);
  system_mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5");
  system_mount("tmpfs", "/dev/shm", kNoPrograms, "mode=1777");
  optional_mount("mqueue", "/dev/mqueue", nullptr);
  symlink("/proc/self/fd", "/dev/fd");
  symlink("/proc/self/fd/0", "/dev/stdin");
  symlink("/proc/self/fd/1", "/dev/stdout");
  symlink("/proc/self/fd/2", "/dev/stderr");
}

// The initramfs stays mounted below; no path leads back to it.
void switch_root() {
  mkdir("/bothy/root/dev", 0755);
  if (mount("/dev", "/bothy/root/dev", nullptr, MS_MOVE, nullptr) != 0)
    fail("can't move /dev into the root", errno);
  if (chdir(kRoot) != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 ||
      chdir("/") != 0)
    fail("can't enter the root", errno);
}

void mount_image(const Config& config) {
  mount_or_fail(CString(config.root_device).get(), kImage, "erofs", MS_RDONLY, nullptr);
  mount_scratch(config);
  copy_root_owner();
  mount_or_fail("overlay", kRoot, "overlay", 0,
                "lowerdir=/bothy/image,upperdir=/bothy/scratch/upper,workdir=/bothy/scratch/work");
}

}  // namespace

void mount_devices() {
  mount_or_fail("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
}

void enter_root(const Config& config) {
  if (config.root_tag.size > 0) {
    mount_or_fail(CString(config.root_tag).get(), kRoot, "virtiofs", 0, nullptr);
  } else {
    mount_image(config);
  }
  switch_root();
  system_mount("proc", "/proc", kNoPrograms, nullptr);
  system_mount("sysfs", "/sys", kNoPrograms, nullptr);
  optional_mount("cgroup2", "/sys/fs/cgroup", "nsdelegate");
  populate_devices();
}

void seal_root(const Config& config) {
  if (!config.read_only) return;
  if (mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0)
    fail("can't make the root read-only", errno);
}

void settle_disks() {
  sync();
  // A frozen ext4 is as clean as an unmounted one, and open files don't prevent freezing.
  if (scratch_disk >= 0) ioctl(scratch_disk, FIFREEZE, 0);
}

}  // namespace bothy::init
