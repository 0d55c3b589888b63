// Users and groups of processes, from the passwd and group files of the image, without NSS.
#pragma once

#include <sys/types.h>

#include "guest/init/text.h"

namespace bothy::init {

struct Identity {
  static constexpr size_t kMaxGroups = 256;

  uid_t uid = 0;
  gid_t gid = 0;
  gid_t groups[kMaxGroups] = {};
  size_t group_count = 0;
  Text home = "/";  // a view of passwd
};

// Finds the ids of `user`: NAME or UID, with or without :GROUP or :GID; empty is root. Names must
// be in the files, numbers need not. As in Docker, a given group replaces the user's additional
// groups, and a numeric name is a number. Returns null, or a message. `passwd` and `group` are the
// contents of the image's files.
const char* find_identity(Text user, Text passwd, Text group, Identity& identity);

// Adds an additional group, a name or a number. Returns null, or a message.
const char* add_group(Text name, Text group, Identity& identity);

}  // namespace bothy::init
