#include "run/container/device_nodes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <optional>
#include <string>

#include "base/files.h"
#include "container/mount_calls.h"
#include "run/container/container_spec.h"
#include "run/container/private_mounts.h"

namespace bothy::run {
namespace {

// Only there to be mounted on, in a namespace that nobody else sees.
constexpr const char* kPlace = "/sys";

Error device_error(const container::Device& device) {
  return errno_error(fmt::format("can't make a node for the device '{}'", printable(device.path)));
}

// Empty without the right to make it. `memory`: a tmpfs that is attached.
Result<UniqueFd> make_node(int memory, const std::string& name, const container::Device& device,
                           const container::IdMappings& mappings) {
  const mode_t type = device.type == 'b' ? S_IFBLK : S_IFCHR;
  if (::mknodat(memory, name.c_str(), type, ::makedev(device.major, device.minor)) != 0) {
    return errno == EPERM ? Result<UniqueFd>(UniqueFd()) : Result<UniqueFd>(device_error(device));
  }
  const auto user = host_id(mappings.users, device.user);
  const auto group = host_id(mappings.groups, device.group);
  if (!user || !group) {
    return make_error(ErrorCode::kInvalid,
                      "device '{}': the container's user namespace has no user {} or no group {}",
                      printable(device.path), device.user, device.group);
  }
  // The mode last, whatever the umask is.
  if (::fchownat(memory, name.c_str(), *user, *group, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fchmodat(memory, name.c_str(), device.mode, 0) != 0) {
    return device_error(device);
  }
  UniqueFd node(::open_tree(memory, name.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  return node ? Result<UniqueFd>(std::move(node)) : Result<UniqueFd>(device_error(device));
}

}  // namespace

Result<std::vector<UniqueFd>> make_device_nodes(container::OciSpec& spec) {
  std::vector<UniqueFd> nodes;
  if (spec.devices.empty() || spec.mappings.empty()) {
    return nodes;
  }
  BOTHY_TRY(auto tmpfs, container::NewFileSystem::open("tmpfs"));
  BOTHY_TRY(tmpfs.set("mode", "0755"));
  BOTHY_TRY(const UniqueFd memory, tmpfs.mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  BOTHY_TRY(PrivateMounts mounts, PrivateMounts::enter());
  if (::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) != 0) {
    return errno_error("can't make mounts private");
  }
  // Until Linux 6.15 what is cloned has to be attached.
  BOTHY_TRY(container::attach_mount(memory.get(), kPlace));
  for (container::Device& device : spec.devices) {
    if (device.type == 'p') {
      continue;
    }
    const std::string name = std::to_string(nodes.size());
    BOTHY_TRY(UniqueFd node, make_node(memory.get(), name, device, spec.mappings));
    device.node = node.get();
    nodes.push_back(std::move(node));
  }
  BOTHY_TRY(mounts.leave());
  return nodes;
}

}  // namespace bothy::run
