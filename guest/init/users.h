// Who a process runs as: the image's own users and groups, read from its files. No name service.
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
  Text home = "/";  // in the passwd that it was found in
};

// `user` is NAME, UID, NAME:GROUP or any mix; empty is root. A name must be in the files; a number
// need not. As with Docker, a group that is named replaces the user's additional ones, the
// first of which is its own one, and numbers are numbers even where a name looks like one. Null
// when found, else what is wrong, in words; passwd and group are the contents of the image's files.
const char* find_identity(Text user, Text passwd, Text group, Identity& identity);

// One more additional group, a name or a number.
const char* add_group(Text name, Text group, Identity& identity);

}  // namespace bothy::init
