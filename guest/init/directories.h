// Parent directories.
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// Makes a directory and its missing parents, with mode 0755; false with errno set.
bool make_directories(Text path);

// The path up to and including the last '/' before the last component; empty without one.
Text parent_of(Text path);

}  // namespace bothy::init
