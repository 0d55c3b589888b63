// Directories that lead to something.
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// Makes a directory and those that lead to it, mode 0755; false with errno set.
bool make_directories(Text path);

// Up to the last '/' before the last component, that included; empty where there is none.
Text parent_of(Text path);

}  // namespace bothy::init
