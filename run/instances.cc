#include "run/instances.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>

#include "base/files.h"
#include "base/user_namespace.h"

namespace bothy::run {
namespace {

// An address of AF_UNIX has 108 bytes; "/instances/<12>/vsock_4294967295" must fit.
constexpr std::size_t kMaxRootLength = 60;
constexpr std::size_t kIdDigits = 12;
constexpr std::size_t kMaxNameLength = 64;
constexpr std::string_view kBelongsTo =
    "belongs-to";  // link in a data directory to the instance's other one

Result<std::string> random_id() {
  std::array<unsigned char, kIdDigits / 2> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return errno_error("can't get random bytes for an id");
  }
  std::string id;
  for (const unsigned char byte : bytes) {
    id += fmt::format("{:02x}", byte);
  }
  return id;
}

bool is_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= kMaxNameLength && plain(name.front()) &&
         std::ranges::all_of(name,
                             [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

// Others could put sockets of theirs in a directory that they may write to.
Result<void> check_private(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    return errno_error("can't look at '" + path + "'");
  }
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 022U) != 0) {
    return make_error(ErrorCode::kPermission,
                      "'{}' isn't a directory that only this user can write to", path);
  }
  return success();
}

Result<void> make_private(const std::string& path) {
  BOTHY_TRY(make_directories(path));
  return check_private(path);
}

// The target of a link; empty where there is no link.
std::string target_of(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Relative paths are ignored (XDG base directory specification).
std::optional<std::string> user_data() {
  if (const std::string state = variable("XDG_STATE_HOME"); state.starts_with('/')) {
    return state + "/bothy";
  }
  if (const std::string home = variable("HOME"); home.starts_with('/')) {
    return home + "/.local/state/bothy";
  }
  return std::nullopt;
}

}  // namespace

Result<Instances> Instances::locate() {
  std::string root;
  std::string data;
  const std::string runtime = variable("XDG_RUNTIME_DIR");
  if (root = variable("BOTHY_RUN"); !root.empty()) {
    data = root;
  } else if (::geteuid() == 0) {
    root = "/run/bothy";
    data = "/var/lib/bothy";
  } else if (runtime.starts_with('/')) {
    root = runtime + "/bothy";
  } else {
    root = fmt::format("/tmp/bothy-{}", ::geteuid());
  }
  if (data.empty()) {
    data = user_data().value_or(root);
  }
  if (root.size() > kMaxRootLength || root.front() != '/') {
    return make_error(
        ErrorCode::kInvalid,
        "invalid directory for instances '{}': expected an absolute path of at most {} bytes "
        "(BOTHY_RUN)",
        printable(root), kMaxRootLength);
  }
  if (exists(root)) {
    BOTHY_TRY(check_private(root));
  }
  return Instances(std::move(root), std::move(data));
}

Result<void> Instances::make_directories() const {
  for (const std::string& path : {root_, names(), all(), data_, all_data()}) {
    BOTHY_TRY(make_private(path));
  }
  return success();
}

// Makes the directories and their files.
Result<Claim> Instances::begin(const Instance& instance, const Settings& settings) const {
  BOTHY_TRY(bothy::make_directories(instance.directory()));
  BOTHY_TRY(bothy::make_directories(instance.data_directory()));
  BOTHY_TRY(Claim claim, instance.claim());
  if (data_ != root_) {
    const std::string link = fmt::format("{}/{}", instance.data_directory(), kBelongsTo);
    if (::symlink(instance.directory().c_str(), link.c_str()) != 0) {
      return errno_error("can't make the link '" + link + "'");
    }
  }
  BOTHY_TRY(instance.write_settings(settings));
  State state;
  state.owner = ::getpid();
  BOTHY_TRY(instance.write_state(state));
  return claim;
}

// A restart of the host removes what is in memory and leaves what is on disks.
void Instances::sweep_data() const {
  const auto ids = list_directory(all_data());
  for (const std::string& id : ids ? ids.value() : std::vector<std::string>()) {
    const std::string data = all_data() + "/" + id;
    const std::string directory = target_of(fmt::format("{}/{}", data, kBelongsTo));
    // An instance of another /tmp or mount namespace isn't visible here, and may run.
    if (!directory.empty() && !exists(directory) && !with_id(id).has_data_owner()) {
      static_cast<void>(remove_mapped_tree(data));
    }
  }
}

Result<Instances::Created> Instances::create(Settings& settings) const {
  BOTHY_TRY(make_directories());
  BOTHY_TRY(settings.id, random_id());
  if (settings.name.empty()) {
    settings.name = settings.id;
  }
  if (!is_name(settings.name)) {
    return make_error(ErrorCode::kInvalid,
                      "invalid name '{}': expected at most {} letters, digits, '_', '.' and '-', "
                      "the first a letter or a digit",
                      printable(settings.name), kMaxNameLength);
  }
  sweep_data();
  const UniqueFd lock = lock_names();
  sweep_unfinished();
  Instance instance = with_id(settings.id);
  auto claim = begin(instance, settings);
  // The name comes last, when the instance is complete.
  auto named = claim ? take_name(settings) : Result<void>(claim.error());
  if (!named) {
    static_cast<void>(remove_tree(instance.directory()));
    static_cast<void>(remove_tree(instance.data_directory()));
    return std::move(named).error();
  }
  return Created{std::move(instance), std::move(claim).value()};
}

// What a process that was killed in begin() left, where the state is written last, or in remove().
void Instances::sweep_unfinished() const {
  for (const Instance& instance : without_owner()) {
    if (!exists(instance.at("state"))) {
      static_cast<void>(remove_mapped_tree(instance.data_directory()));
      static_cast<void>(remove_mapped_tree(instance.directory()));
    }
  }
  const auto all_names = list_directory(names());
  for (const std::string& name : all_names ? all_names.value() : std::vector<std::string>()) {
    const std::string link = names() + "/" + name;
    if (const std::string id = target_of(link); !id.empty() && !exists(all() + "/" + id)) {
      ::unlinkat(AT_FDCWD, link.c_str(), 0);
    }
  }
}

// One process at a time makes and removes instances, and reads and changes names. Empty where the
// directory doesn't exist.
UniqueFd Instances::lock_names() const {
  UniqueFd fd(::open(names().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) {
    while (::flock(fd.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  return fd;
}

Result<void> Instances::take_name(const Settings& settings) const {
  const std::string link = names() + "/" + settings.name;
  while (::symlink(settings.id.c_str(), link.c_str()) != 0) {
    if (errno != EEXIST) {
      return errno_error("can't make the link '" + link + "'");
    }
    // A name without an instance was left by a process that was killed in remove().
    const std::string owner = target_of(link);
    const bool stale = !owner.empty() && !exists(all() + "/" + owner);
    if (!stale || ::unlinkat(AT_FDCWD, link.c_str(), 0) != 0) {
      return make_error(ErrorCode::kBusy,
                        "the name '{}' is in use by instance {}: remove it with 'bothy rm {}'",
                        settings.name, owner, settings.name);
    }
  }
  return success();
}

Result<Instance> Instances::find(std::string_view text) const {
  if (is_name(text)) {
    const std::string id = target_of(names() + "/" + std::string(text));
    if (!id.empty() && exists(all() + "/" + id)) {
      return with_id(id);
    }
  }
  std::vector<Instance> found;
  // Damaged instances too: 'rm' must find them.
  const auto ids = list_directory(all());
  for (const std::string& id : ids ? ids.value() : std::vector<std::string>()) {
    if (!text.empty() && id.starts_with(text)) {
      found.push_back(with_id(id));
    }
  }
  if (found.empty()) {
    return make_error(ErrorCode::kNotFound, "no such instance '{}': 'bothy ps -a' lists all",
                      printable(text));
  }
  if (found.size() > 1) {
    return make_error(ErrorCode::kInvalid, "ambiguous id '{}': {} instances start with it",
                      printable(text), found.size());
  }
  return std::move(found.front());
}

std::vector<Instance> Instances::list() const {
  std::vector<std::pair<std::int64_t, Instance>> dated;
  if (const auto ids = list_directory(all())) {
    for (const std::string& id : ids.value()) {
      Instance instance = with_id(id);
      // An instance that is being made has no settings yet.
      if (const auto settings = instance.settings()) {
        dated.emplace_back(settings.value().created, std::move(instance));
      }
    }
  }
  std::ranges::stable_sort(dated, {}, [](const auto& each) { return each.first; });
  std::vector<Instance> instances;
  for (auto& [created, instance] : dated) {
    instances.push_back(std::move(instance));
  }
  return instances;
}

std::vector<Instance> Instances::without_owner() const {
  std::vector<Instance> instances;
  const auto ids = list_directory(all());
  for (const std::string& id : ids ? ids.value() : std::vector<std::string>()) {
    if (Instance instance = with_id(id); !instance.has_owner()) {
      instances.push_back(std::move(instance));
    }
  }
  return instances;
}

// Without settings, which may be damaged or missing.
Result<void> Instances::remove(const Instance& instance) const {
  const auto remove_directory = [](const std::string& path) -> Result<void> {
    if (const auto removed = remove_mapped_tree(path); !removed) {
      return make_error(removed.error().code, "can't remove instance '{}': {}",
                        path.substr(path.rfind('/') + 1), removed.error().context);
    }
    return success();
  };
  BOTHY_TRY(remove_directory(instance.data_directory()));
  const UniqueFd lock = lock_names();
  BOTHY_TRY(remove_directory(instance.directory()));
  const auto all_names = list_directory(names());
  for (const std::string& name : all_names ? all_names.value() : std::vector<std::string>()) {
    const std::string link = names() + "/" + name;
    if (all() + "/" + target_of(link) == instance.directory()) {
      ::unlinkat(AT_FDCWD, link.c_str(), 0);
    }
  }
  return success();
}

}  // namespace bothy::run
