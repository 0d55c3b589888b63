#include "guest/init/users.h"

namespace bothy::init {
namespace {

// (uid_t)-1 means "no change" to the kernel, so it is nobody's.
constexpr uint64_t kMaxId = UINT32_MAX - 1;

struct User {
  Text name;
  uint64_t uid = 0;
  uint64_t gid = 0;
  Text home;
};

// Lines that are no users are skipped, as everybody who reads this file does.
bool next_user(Text& passwd, User& user) {
  while (passwd.size > 0) {
    Text line = passwd.cut('\n');
    user.name = line.cut(':');
    line.cut(':');
    const bool numbers =
        line.cut(':').number(user.uid, kMaxId) && line.cut(':').number(user.gid, kMaxId);
    line.cut(':');
    user.home = line.cut(':');
    if (numbers && user.name.size > 0) return true;
  }
  return false;
}

struct Group {
  Text name;
  uint64_t gid = 0;
  Text members;
};

bool next_group(Text& file, Group& group) {
  while (file.size > 0) {
    Text line = file.cut('\n');
    group.name = line.cut(':');
    line.cut(':');
    const bool number = line.cut(':').number(group.gid, kMaxId);
    group.members = line;
    if (number && group.name.size > 0) return true;
  }
  return false;
}

bool is_member(Text members, Text name) {
  while (members.size > 0) {
    if (members.cut(',') == name) return true;
  }
  return false;
}

bool find_group(Text name, Text file, gid_t& gid) {
  uint64_t number = 0;
  if (name.number(number, kMaxId)) {
    gid = static_cast<gid_t>(number);
    return true;
  }
  Group group;
  while (next_group(file, group)) {
    if (!(group.name == name)) continue;
    gid = static_cast<gid_t>(group.gid);
    return true;
  }
  return false;
}

bool append(gid_t gid, Identity& identity) {
  for (size_t i = 0; i < identity.group_count; ++i) {
    if (identity.groups[i] == gid) return true;
  }
  if (identity.group_count == Identity::kMaxGroups) return false;
  identity.groups[identity.group_count++] = gid;
  return true;
}

}  // namespace

const char* find_identity(Text user, Text passwd, Text group, Identity& identity) {
  const Text name = user.cut(':');
  uint64_t number = 0;
  const bool is_number = name.size == 0 || name.number(number, kMaxId);
  identity.uid = static_cast<uid_t>(number);

  User found;
  bool known = false;
  while (!known && next_user(passwd, found))
    known = is_number ? found.uid == number : found.name == name;
  if (!known && !is_number) return "the image has no such user";
  if (known) {
    identity.uid = static_cast<uid_t>(found.uid);
    identity.gid = static_cast<gid_t>(found.gid);
    if (found.home.size > 0) identity.home = found.home;
  }

  const bool own_group = user.size == 0;
  if (!own_group && !find_group(user, group, identity.gid)) return "the image has no such group";
  append(identity.gid, identity);
  if (!own_group) return nullptr;
  Group candidate;
  while (known && next_group(group, candidate)) {
    if (is_member(candidate.members, found.name) &&
        !append(static_cast<gid_t>(candidate.gid), identity))
      return "the user is in too many groups";
  }
  return nullptr;
}

const char* add_group(Text name, Text group, Identity& identity) {
  gid_t gid = 0;
  if (!find_group(name, group, gid)) return "the image has no such group";
  return append(gid, identity) ? nullptr : "the user is in too many groups";
}

}  // namespace bothy::init
