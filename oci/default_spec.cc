#include <boost/json/array.hpp>
#include <initializer_list>

#include "oci/features.h"

namespace bothy::oci {
namespace {

namespace json = boost::json;

json::object process() {
  const json::array capabilities{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  return {{"terminal", true},
          {"user", json::object{{"uid", 0}, {"gid", 0}}},
          {"args", json::array{"sh"}},
          {"env", json::array{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                              "TERM=xterm"}},
          {"cwd", "/"},
          {"capabilities", json::object{{"bounding", capabilities},
                                        {"effective", capabilities},
                                        {"permitted", capabilities}}},
          {"rlimits",
           json::array{json::object{{"type", "RLIMIT_NOFILE"}, {"hard", 1024}, {"soft", 1024}}}},
          {"noNewPrivileges", true}};
}

json::object mount(const char* destination, const char* type, const char* source,
                   std::initializer_list<const char*> options) {
  json::object object{{"destination", destination}, {"type", type}, {"source", source}};
  if (options.size() > 0) {
    json::array& array = object["options"].emplace_array();
    for (const char* option : options) {
      array.emplace_back(option);
    }
  }
  return object;
}

// Without a network namespace of its own a user namespace may not mount a sysfs, and without a
// mapping for group 5 there is no such group for terminals.
json::array mounts(bool rootless) {
  json::object terminals =
      rootless ? mount("/dev/pts", "devpts", "devpts",
                       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"})
               : mount("/dev/pts", "devpts", "devpts",
                       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  json::object sysfs =
      rootless ? mount("/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"})
               : mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"});
  return {
      mount("/proc", "proc", "proc", {}),
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      std::move(terminals),
      mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      std::move(sysfs),
      mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"})};
}

json::array mapping(unsigned host) {
  return {json::object{{"containerID", 0}, {"hostID", host}, {"size", 1}}};
}

json::object linux_section(const SpecUser& user) {
  json::object section;
  if (user.rootless) {
    section["uidMappings"] = mapping(user.user);
    section["gidMappings"] = mapping(user.group);
  } else {
    section["resources"] =
        json::object{{"devices", json::array{json::object{{"allow", false}, {"access", "rwm"}}}}};
  }
  json::array& namespaces = section["namespaces"].emplace_array();
  const char* const own = user.rootless ? "user" : "network";
  for (const char* type : {"pid", own, "ipc", "uts", "mount", "cgroup"}) {
    namespaces.push_back(json::object{{"type", type}});
  }
  section["maskedPaths"] = json::array{
      "/proc/acpi",          "/proc/asound",     "/proc/kcore",       "/proc/keys",
      "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
      "/sys/firmware",       "/proc/scsi"};
  section["readonlyPaths"] =
      json::array{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return section;
}

}  // namespace

json::object default_spec(const SpecUser& user) {
  return {{"ociVersion", kSpecVersion},
          {"process", process()},
          {"root", json::object{{"path", "rootfs"}, {"readonly", true}}},
          {"hostname", "bothy"},
          {"mounts", mounts(user.rootless)},
          {"linux", linux_section(user)}};
}

}  // namespace bothy::oci
