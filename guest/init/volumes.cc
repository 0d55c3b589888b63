#include "guest/init/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/init/directories.h"
#include "guest/init/power.h"

namespace bothy::init {
namespace {

// On devtmpfs, which is writable even when the root is not.
constexpr char kStage[] = "/dev/.volume";

[[noreturn]] void fail_volume(Text doing, Text target) {
  const int error = errno;
  Line what;
  fail(what.add("can't ").add(doing).add(" ").add(target).text(), error);
}

struct OptionFlag {
  const char* name;
  unsigned long set;
  unsigned long clear;
};
constexpr OptionFlag kFlags[] = {
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},
    {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},
    {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},
    {"noatime", MS_NOATIME, 0},
    {"nodiratime", MS_NODIRATIME, 0},
    {"sync", MS_SYNCHRONOUS, 0},
    {"dirsync", MS_DIRSYNC, 0},
    {"relatime", MS_RELATIME, 0},
    {"strictatime", MS_STRICTATIME, 0},
    {"bind", 0, 0},
    {"rbind", MS_REC, 0},
};

// Sets the flags of options, and returns the options of the file system.
Line split_options(Text options, unsigned long& flags) {
  Line own;
  while (options.size > 0) {
    const Text option = options.cut(',');
    bool known = option.size == 0;
    for (const OptionFlag& flag : kFlags) {
      if (!(option == flag.name)) continue;
      flags = (flags & ~flag.clear) | flag.set;
      known = true;
    }
    if (known) continue;
    if (own.text().size > 0) own.add(",");
    own.add(option);
  }
  return own;
}

// A mount point must be of the same kind as the mounted file or directory.
bool make_target(const char* target, bool directory) {
  struct stat status;
  if (stat(target, &status) == 0) return true;
  if (directory) return make_directories(target);
  if (!make_directories(parent_of(target))) return false;
  const int fd = openat(AT_FDCWD, target, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  close(fd);
  return true;
}

bool bind(const char* source, const char* target, unsigned long flags) {
  struct stat status;
  if (stat(source, &status) != 0 || !make_target(target, S_ISDIR(status.st_mode))) return false;
  if (mount(source, target, nullptr, MS_BIND | (flags & MS_REC), nullptr) != 0) return false;
  const unsigned long rest = flags & ~static_cast<unsigned long>(MS_REC);
  // A bind mount takes its flags only in a second step.
  return rest == 0 || mount(nullptr, target, nullptr, MS_REMOUNT | MS_BIND | rest, nullptr) == 0;
}

// Binds a part of a shared directory, which is mounted at kStage meanwhile.
bool mount_part(Text tag, Text path, const char* target, unsigned long flags, const char* options) {
  if (mkdir(kStage, 0700) != 0 && errno != EEXIST) return false;
  if (mount(CString(tag).get(), kStage, "virtiofs", flags, options) != 0) return false;
  Line part;
  part.add(kStage).add("/").add(path);
  const bool bound = bind(part.string(), target, flags);
  const int error = errno;
  umount2(kStage, MNT_DETACH);
  rmdir(kStage);
  errno = error;
  return bound;
}

bool mount_volume_as(Text type, Text source, const char* target, Text options) {
  unsigned long flags = 0;
  Line own = split_options(options, flags);
  if (type == "bind" || type == "rbind")
    return bind(CString(source).get(), target, flags | (type == "rbind" ? MS_REC : 0));
  if (type == "virtiofs" && source.has('/')) {
    const Text tag = source.cut('/');
    return mount_part(tag, source, target, flags, own.string());
  }
  return make_target(target, true) &&
         mount(CString(source).get(), target, CString(type).get(), flags, own.string()) == 0;
}

}  // namespace

void write_root_file(Text value) {
  constexpr int kCreate = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  const Text path = value.cut('\0');
  const CString name(path);
  // The image may have a link here, as resolv.conf often is: replace it.
  unlink(name.get());
  int fd = openat(AT_FDCWD, name.get(), kCreate, 0644);
  if (fd < 0 && errno == ENOENT && make_directories(parent_of(path)))
    fd = openat(AT_FDCWD, name.get(), kCreate, 0644);
  if (fd < 0 || !write_all(fd, value.data, value.size)) fail_volume("write", path);
  close(fd);
}

void mount_volume(Text value) {
  const Text type = value.cut('\0');
  const Text source = value.cut('\0');
  const Text target = value.cut('\0');
  const Text options = value.cut('\0');
  if (!mount_volume_as(type, source, CString(target).get(), options))
    fail_volume("mount a volume at", target);
}

}  // namespace bothy::init
