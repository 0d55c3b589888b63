// Descriptors of the caller's that this process began with.
#pragma once

namespace bothy {

// Closes those that the caller left open, such as pipes and locks, but the standard ones. All that
// bothy opens are close-on-exec, which is how they are told apart.
void close_inherited_files();

}  // namespace bothy
