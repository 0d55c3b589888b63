#include "cli/boot/sandbox_policy.h"

#include <string>
#include <utility>

#include "devices/host/console/config.h"
#include "devices/virtio/device_kind.h"
#include "devices/virtio/vsock/kind.h"

namespace bothy {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

class PolicyMaker {
 public:
  void add_socket(const std::string& path) {
    if (!path.empty()) {
      policy_.main_paths.push_back({directory_of(path), sandbox::Landlock::kRemoveFile});
    }
  }
  void add_backend(const CharacterBackendConfig& backend) {
    if (backend.kind == CharacterBackendConfig::Kind::kSocket) {
      add_socket(backend.path);
    }
  }
  void add_device(const DeviceConfig& device) {
    if (const auto channel = device.kind().channel(device)) {
      add_backend(channel->backend);
    }
    if (&device.kind() == &vsock_kind()) {
      const std::string& path = device.as<virtio::VsockConfig>().path;
      add_socket(path);
      policy_.other_paths.push_back({directory_of(path), sandbox::Landlock::kConnect});
    }
  }
  [[nodiscard]] sandbox::Policy take() { return std::move(policy_); }

 private:
  sandbox::Policy policy_{sandbox::Role::kBoot, {}, {}, true};
};

}  // namespace

sandbox::Policy sandbox_policy(const BootOptions& options) {
  PolicyMaker maker;
  maker.add_socket(options.control);
  maker.add_backend(options.machine.console.backend);
  for (const DeviceConfig& device : options.machine.devices) {
    maker.add_device(device);
  }
  return maker.take();
}

}  // namespace bothy
