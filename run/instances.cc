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

namespace bothy::run {
namespace {

// An address of AF_UNIX has 108 bytes; "/instances/<12>/vsock_4294967295" must fit.
constexpr std::size_t kLongestRoot = 60;
constexpr std::size_t kIdDigits = 12;
constexpr std::size_t kLongestName = 64;
constexpr std::string_view kBelongsTo = "belongs-to";  // of a data directory: the instance's other

Result<std::string> random_id() {
  std::array<unsigned char, kIdDigits / 2> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return errno_error("no random bytes");
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
  return !name.empty() && name.size() <= kLongestName && plain(name.front()) &&
         std::ranges::all_of(name,
                             [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

// A directory that others could write to would be theirs to fill with sockets.
Result<void> check_private(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    return errno_error("can't look at " + path);
  }
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 022U) != 0) {
    return make_error(ErrorCode::kPermission, "{} isn't a directory of this user's alone", path);
  }
  return success();
}

Result<void> make_private(const std::string& path) {
  BOTHY_TRY(make_directories(path));
  return check_private(path);
}

// What a link says; empty for none.
std::string target_of(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Where a user's disk is; a relative one is to be ignored (XDG base directory specification).
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
  if (root.size() > kLongestRoot || root.front() != '/') {
    return make_error(
        ErrorCode::kInvalid,
        "{} can't hold what runs: an absolute path of at most {} bytes can (BOTHY_RUN)", root,
        kLongestRoot);
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

// Directories, with what each instance has. Gives the owner's claim.
Result<Claim> Instances::begin(const Instance& instance, const Settings& settings) const {
  BOTHY_TRY(bothy::make_directories(instance.directory()));
  BOTHY_TRY(bothy::make_directories(instance.data_directory()));
  BOTHY_TRY(Claim claim, instance.claim());
  if (data_ != root_) {
    const std::string link = fmt::format("{}/{}", instance.data_directory(), kBelongsTo);
    if (::symlink(instance.directory().c_str(), link.c_str()) != 0) {
      return errno_error("can't make " + link);
    }
  }
  BOTHY_TRY(instance.write_settings(settings));
  State state;
  state.owner = ::getpid();
  BOTHY_TRY(instance.write_state(state));
  return claim;
}

// A restart of the host takes instances away, and leaves what is on disks.
void Instances::sweep_data() const {
  const auto ids = list_directory(all_data());
  for (const std::string& id : ids ? ids.value() : std::vector<std::string>()) {
    const std::string data = all_data() + "/" + id;
    const std::string directory = target_of(fmt::format("{}/{}", data, kBelongsTo));
    // One that can't be seen from here may be there, and run: in another's /tmp, or container.
    if (!directory.empty() && !exists(directory) && !with_id(id).has_data_owner()) {
      static_cast<void>(remove_tree(data));
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
                      "'{}' is no name: letters, digits, '_', '.' and '-', 64 at most",
                      printable(settings.name));
  }
  sweep_data();
  Instance instance = with_id(settings.id);
  auto claim = begin(instance, settings);
  // The name comes last: it stands for something whole.
  auto named = claim ? take_name(settings) : Result<void>(claim.error());
  if (!named) {
    static_cast<void>(remove_tree(instance.directory()));
    static_cast<void>(remove_tree(instance.data_directory()));
    return std::move(named).error();
  }
  return Created{std::move(instance), std::move(claim).value()};
}

// Names are looked at and changed by one at a time. Without the directory there are none.
UniqueFd Instances::lock_names() const {
  UniqueFd fd(::open(names().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) {
    while (::flock(fd.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  return fd;
}

Result<void> Instances::take_name(const Settings& settings) const {
  const UniqueFd lock = lock_names();
  const std::string link = names() + "/" + settings.name;
  while (::symlink(settings.id.c_str(), link.c_str()) != 0) {
    if (errno != EEXIST) {
      return errno_error("can't make " + link);
    }
    // A name whose instance is gone was left by somebody who was killed in remove().
    const std::string owner = target_of(link);
    const bool stale = !owner.empty() && !exists(all() + "/" + owner);
    if (!stale || ::unlink(link.c_str()) != 0) {
      return make_error(ErrorCode::kBusy, "the name '{}' is in use by {}: 'bothy rm {}' frees it",
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
  // Those that can't be read too: they are to be removed.
  const auto ids = list_directory(all());
  for (const std::string& id : ids ? ids.value() : std::vector<std::string>()) {
    if (!text.empty() && id.starts_with(text)) {
      found.push_back(with_id(id));
    }
  }
  if (found.empty()) {
    return make_error(ErrorCode::kNotFound, "there is no '{}': 'bothy ps -a' lists what there is",
                      printable(text));
  }
  if (found.size() > 1) {
    return make_error(ErrorCode::kInvalid, "'{}' could be any of {} instances", printable(text),
                      found.size());
  }
  return std::move(found.front());
}

std::vector<Instance> Instances::list() const {
  std::vector<std::pair<std::int64_t, Instance>> dated;
  if (const auto ids = list_directory(all())) {
    for (const std::string& id : ids.value()) {
      Instance instance = with_id(id);
      // Half-made ones have no settings yet.
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

// Works without settings, which may be damaged or never have been written.
Result<void> Instances::remove(const Instance& instance) const {
  for (const std::string& path : {instance.data_directory(), instance.directory()}) {
    if (const auto removed = remove_tree(path); !removed) {
      return make_error(removed.error().code, "can't remove instance '{}': {}",
                        path.substr(path.rfind('/') + 1), removed.error().context);
    }
  }
  const UniqueFd lock = lock_names();
  const auto all_names = list_directory(names());
  for (const std::string& name : all_names ? all_names.value() : std::vector<std::string>()) {
    const std::string link = names() + "/" + name;
    if (all() + "/" + target_of(link) == instance.directory()) {
      ::unlink(link.c_str());
    }
  }
  return success();
}

}  // namespace bothy::run
