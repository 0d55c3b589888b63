#include "run/container/prepare.h"

#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/subordinate_ids.h"
#include "run/container/container_flags.h"
#include "run/container/container_isolation.h"
#include "run/container/device_limits.h"
#include "run/container/etc_files.h"
#include "run/container/host_devices.h"
#include "run/container/lost_container.h"
#include "run/scratch_disk.h"

namespace bothy::run {
namespace {

constexpr std::uint64_t kMaxSeccompFile = 1U << 20U;

// Of all instances of this user.
std::string run_directory(const Instance& instance) {
  return std::filesystem::path(instance.directory()).parent_path().parent_path().string();
}

std::string id_of(const Instance& instance) {
  return std::filesystem::path(instance.directory()).filename().string();
}

class PreparedContainer final : public PreparedIsolation {
 public:
  PreparedContainer(ContainerParts parts, RunOptions options, image::Digest digest)
      : parts_(std::move(parts)), options_(std::move(options)), digest_(digest) {}

  Result<void> prepare_instance(const Instance& instance) override {
    const std::string directory = run_directory(instance);
    if (parts_.spec.is_root) {
      BOTHY_TRY(prepare_root(instance, directory));
    }
    if (options_.hostname.empty()) {
      options_.hostname = id_of(instance);
    }
    const auto root = host_id(parts_.spec.mappings.users, 0);
    const auto group = host_id(parts_.spec.mappings.groups, 0);
    const bool owned = parts_.spec.is_root && root && group;
    BOTHY_TRY(const EtcFiles files,
              write_etc_files(instance.directory(), options_, owned ? std::int64_t{*root} : -1,
                              owned ? std::int64_t{*group} : -1));
    parts_.spec.files = files.directory;
    parts_.spec.has_resolv_conf = files.has_resolv_conf;
    parts_.seccomp_cache = directory + "/seccomp";
    return success();
  }

  Result<std::unique_ptr<Isolation>> make(const IsolationContext& context) override {
    return std::unique_ptr<Isolation>(
        std::make_unique<ContainerIsolation>(context, std::move(parts_)));
  }

 private:
  // What root's containers have of their own, and ordinary users' can't.
  Result<void> prepare_root(const Instance& instance, const std::string& directory) {
    BOTHY_TRY(auto image, ImageMount::acquire(directory, digest_, parts_.disk->path));
    parts_.image.emplace(std::move(image));
    if (parts_.spec.flags.user_namespace == UserNamespace::kAuto) {
      BOTHY_TRY(auto ids,
                container::reserve_ids(directory, id_of(instance), all_subordinate_ids()));
      parts_.spec.mappings = ids.mappings();
      parts_.ids.emplace(std::move(ids));
    }
    if (options_.storage != 0) {
      parts_.scratch = scratch_disk_path(instance);
      BOTHY_TRY(make_scratch_disk(parts_.scratch, options_.storage));
    }
    return success();
  }

  ContainerParts parts_;
  RunOptions options_;
  const image::Digest digest_;
};

// What takes more than an ordinary user may do is refused, never left out.
Result<void> check_for_user(const ContainerFlags& flags, const RunOptions& options) {
  if (flags.user_namespace == UserNamespace::kHost) {
    return make_error(ErrorCode::kInvalid,
                      "--userns host: for root alone; an ordinary user's containers have auto or "
                      "keep-id");
  }
  if (options.storage != 0) {
    return make_error(ErrorCode::kInvalid,
                      "--storage: not available for containers of ordinary users, who can't mount "
                      "a disk; what is written is kept in a directory, without a limit");
  }
  return success();
}

Result<void> validate(const RunOptions& options) {
  BOTHY_TRY(const ContainerFlags flags, parse_container_flags(options));
  BOTHY_TRY(parse_device_limits(options));
  if (options.network == Network::kTap) {
    return make_error(ErrorCode::kInvalid,
                      "--network tap={}: not available with --isolation container; use user, none, "
                      "host or ns:PATH",
                      printable(options.network_name));
  }
  if (flags.user_namespace == UserNamespace::kKeepId && ::geteuid() == 0) {
    return make_error(ErrorCode::kInvalid,
                      "--userns keep-id: for ordinary users alone; root's containers have auto or "
                      "host");
  }
  return ::geteuid() == 0 ? Result<void>(success()) : check_for_user(flags, options);
}

Result<void> find_seccomp(SpecParts& spec) {
  const auto& path = spec.flags.seccomp;
  if (!path || path == kUnconfined) {
    return success();
  }
  BOTHY_TRY(const std::string text, read_file(*path, kMaxSeccompFile));
  BOTHY_TRY(const auto capabilities, container_capabilities(spec.flags));
  BOTHY_TRY(spec.seccomp, container::parse_seccomp_file(text, printable(*path), capabilities));
  return success();
}

Result<IdMappings> user_mappings(UserNamespace wanted) {
  const UserIdRanges user = UserIdRanges::find();
  if (wanted != UserNamespace::kKeepId) {
    return user.root_mappings();
  }
  if (user.users.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "--userns keep-id: needs newuidmap and subordinate ids of this user, who has "
                      "none in /etc/subuid or /etc/subgid ('usermod --add-subuids')");
  }
  return user.same_id_mappings();
}

Result<void> find_image_files(const PrepareContext& context, ContainerParts& parts) {
  if (parts.spec.is_root) {
    BOTHY_TRY(auto disk, container_disk(context.store, context.image, context.progress));
    disk.path = std::filesystem::absolute(disk.path).string();
    parts.disk.emplace(std::move(disk));
    return success();
  }
  BOTHY_TRY(parts.spec.mappings, user_mappings(parts.spec.flags.user_namespace));
  BOTHY_TRY(auto tree, image::ensure_tree(context.store, context.image, parts.spec.mappings,
                                          image::Limits(), context.progress));
  parts.tree.emplace(std::move(tree));
  return success();
}

Result<std::unique_ptr<PreparedIsolation>> prepare(const PrepareContext& context) {
  ContainerParts parts;
  BOTHY_TRY(parts.spec.flags, parse_container_flags(context.options));
  parts.spec.is_root = ::geteuid() == 0;
  BOTHY_TRY(find_image_files(context, parts));
  for (const DeviceFlag& flag : parts.spec.flags.devices) {
    BOTHY_TRY(auto devices, find_devices(flag));
    std::ranges::move(devices, std::back_inserter(parts.spec.devices));
  }
  if (parts.spec.flags.privileged) {
    std::ranges::move(all_devices(), std::back_inserter(parts.spec.devices));
  }
  BOTHY_TRY(const auto limits, parse_device_limits(context.options));
  BOTHY_TRY(parts.spec.device_limits, find_device_limits(limits));
  BOTHY_TRY(find_seccomp(parts.spec));
  return std::unique_ptr<PreparedIsolation>(std::make_unique<PreparedContainer>(
      std::move(parts), context.options, context.image.manifest.digest));
}

Result<void> clear_lost(const Instance& instance) {
  BOTHY_TRY(const bool cleared, clear_lost_container(instance));
  if (cleared) {
    ImageMount::sweep(run_directory(instance));
  }
  return success();
}

}  // namespace

const IsolationKind& container_isolation_kind() noexcept {
  static const IsolationKind kKind{"container",       "namespaces on the host's kernel",
                                   container_flags(), &validate,
                                   &prepare,          &clear_lost};
  return kKind;
}

}  // namespace bothy::run
