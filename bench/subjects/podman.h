// Podman, with its own default wall and the runtime that it is configured with.
#pragma once

#include "bench/subjects/subject.h"

namespace bothy::bench {

[[nodiscard]] std::unique_ptr<Subject> make_podman();

}  // namespace bothy::bench
