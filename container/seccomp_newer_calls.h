// System calls that are newer than a seccomp profile.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "container/seccomp.h"

namespace bothy::container {

// The beginning of a filter: a system call with a number above all that the profile names fails
// with ENOSYS, as on a kernel that lacks it, so that C libraries fall back to older calls. With the
// default action, EPERM mostly, they give up. Empty where the default action lets calls pass, or
// is ENOSYS itself.
[[nodiscard]] std::vector<sock_filter> refuse_newer_calls(const SeccompProfile& profile);

}  // namespace bothy::container
