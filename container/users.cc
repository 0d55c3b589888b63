#include "container/users.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>

#include "base/files.h"
#include "base/unique_fd.h"

namespace bothy::container {
namespace {

// (uid_t)-1 means "no change" to the kernel (chown(2)), so no user has it.
constexpr std::uint32_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;
// The same as a microVM's process may have.
constexpr std::size_t kMaxGroups = 256;
constexpr std::size_t kMaxFileSize = 1U << 20U;
constexpr std::size_t kReadSize = 16U << 10U;
static_assert(kMaxFileSize % kReadSize == 0);
// openat2(2) has EAGAIN when a path was renamed meanwhile.
constexpr int kMaxOpenAttempts = 128;

// What comes before the separator; `text` becomes what comes after it.
std::string_view cut(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), id);
  if (!is_number(text) || result.ec != std::errc() || id > kMaxId) {
    return std::nullopt;
  }
  return id;
}

struct User {
  std::string_view name;
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::string_view home;
};

struct Group {
  std::string_view name;
  std::uint32_t group = 0;
  std::string_view members;
};

// passwd(5): name:password:UID:GID:GECOS:directory:shell
std::optional<User> parse_user(std::string_view line) {
  const std::string_view name = cut(line, ':');
  cut(line, ':');
  const auto user = parse_id(cut(line, ':'));
  const auto group = parse_id(cut(line, ':'));
  cut(line, ':');
  const std::string_view home = cut(line, ':');
  if (name.empty() || !user || !group) {
    return std::nullopt;
  }
  return User{name, *user, *group, home};
}

// group(5): name:password:GID:members
std::optional<Group> parse_group(std::string_view line) {
  const std::string_view name = cut(line, ':');
  cut(line, ':');
  const auto group = parse_id(cut(line, ':'));
  if (name.empty() || !group) {
    return std::nullopt;
  }
  return Group{name, *group, line};
}

// The first entry that matches. Lines that aren't entries are skipped, as the C library does.
template <class Parse, class Matches>
auto find_entry(std::string_view file, Parse parse, Matches matches) -> decltype(parse(file)) {
  while (!file.empty()) {
    const std::string_view line = cut(file, '\n');
    if (line.find('\0') != std::string_view::npos) {
      continue;
    }
    if (const auto entry = parse(line); entry && matches(*entry)) {
      return entry;
    }
  }
  return std::nullopt;
}

bool is_member(std::string_view members, std::string_view name) {
  while (!members.empty()) {
    if (cut(members, ',') == name) {
      return true;
    }
  }
  return false;
}

Error invalid_id(std::string_view kind, std::string_view text) {
  return make_error(ErrorCode::kInvalid, "invalid {} '{}': expected a number up to {}", kind,
                    printable(text), kMaxId);
}

Result<std::optional<User>> find_user_entry(std::string_view text, std::string_view passwd) {
  const auto id = parse_id(text);
  if (is_number(text) && !id) {
    return invalid_id("user", text);
  }
  const auto user = find_entry(passwd, parse_user, [&](const User& candidate) {
    return id ? candidate.user == *id : candidate.name == text;
  });
  if (!user && !id) {
    return make_error(ErrorCode::kInvalid, "no user '{}' in the image's /etc/passwd",
                      printable(text));
  }
  return user;
}

Result<std::uint32_t> find_group_id(std::string_view text, std::string_view file) {
  if (const auto id = parse_id(text)) {
    return *id;
  }
  if (is_number(text)) {
    return invalid_id("group", text);
  }
  const auto group =
      find_entry(file, parse_group, [&](const Group& entry) { return entry.name == text; });
  if (!group) {
    return make_error(ErrorCode::kInvalid, "no group '{}' in the image's /etc/group",
                      printable(text));
  }
  return group->group;
}

Result<void> add_groups_of(std::string_view user, std::string_view file,
                           std::vector<std::uint32_t>& groups) {
  bool too_many = false;
  // Matches none, so that every group is seen.
  find_entry(file, parse_group, [&](const Group& entry) {
    if (is_member(entry.members, user) && std::ranges::find(groups, entry.group) == groups.end()) {
      too_many = groups.size() == kMaxGroups;
      if (!too_many) {
        groups.push_back(entry.group);
      }
    }
    return too_many;
  });
  if (too_many) {
    return make_error(ErrorCode::kInvalid, "user '{}' is in more than {} groups", printable(user),
                      kMaxGroups);
  }
  return success();
}

// Empty when no such file exists.
Result<UniqueFd> open_in_root(int root, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < kMaxOpenAttempts; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0) {
      return UniqueFd(static_cast<int>(fd));
    }
    if (errno == ENOENT || errno == ENOTDIR) {
      return UniqueFd();
    }
    if (errno != EAGAIN) {
      break;
    }
  }
  return errno_error(fmt::format("can't open '/{}' in the container", path));
}

bool is_regular(int fd) {
  struct stat status {};
  return fd >= 0 && ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

Result<std::string> read_in_root(int root, const char* path) {
  // Opening a device may do something already, so the file is looked at first.
  BOTHY_TRY(const UniqueFd seen, open_in_root(root, path, O_PATH));
  if (!is_regular(seen.get())) {
    return std::string();
  }
  BOTHY_TRY(const UniqueFd file, open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (!is_regular(file.get())) {
    return std::string();
  }
  std::string text;
  while (text.size() < kMaxFileSize) {
    const std::size_t size = text.size();
    text.resize(size + kReadSize);
    const ssize_t count = ::read(file.get(), text.data() + size, kReadSize);
    text.resize(size + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (count == 0) {
      return text;
    }
    if (count < 0 && errno != EINTR) {
      return errno_error(fmt::format("can't read '/{}' in the container", path));
    }
  }
  // The last line may be a part of one, with another number.
  text.resize(text.rfind('\n') + 1);
  return text;
}

}  // namespace

Result<UserIds> find_user(std::string_view text, std::string_view passwd, std::string_view group) {
  std::string_view group_text = text;
  std::string_view user_text = cut(group_text, ':');
  if (user_text.empty()) {
    user_text = "0";
  }
  BOTHY_TRY(const std::optional<User> user, find_user_entry(user_text, passwd));
  UserIds ids;
  if (user) {
    ids.user = user->user;
    ids.group = user->group;
    ids.home = user->home.empty() ? "/" : std::string(user->home);
  } else {
    ids.user = *parse_id(user_text);
  }
  if (!group_text.empty()) {
    BOTHY_TRY(ids.group, find_group_id(group_text, group));
  }
  // The group itself as well: a process that gives up its group stays bound by what is denied to it
  // (CVE-2022-36109).
  ids.groups.push_back(ids.group);
  if (user && group_text.empty()) {
    BOTHY_TRY(add_groups_of(user->name, group, ids.groups));
  }
  return ids;
}

Result<UserIds> find_user_in_root(std::string_view text, int root) {
  BOTHY_TRY(const std::string passwd, read_in_root(root, "etc/passwd"));
  BOTHY_TRY(const std::string group, read_in_root(root, "etc/group"));
  return find_user(text, passwd, group);
}

}  // namespace bothy::container
