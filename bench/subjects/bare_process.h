// The probe as a process of the host's: no wall, and the floor of every figure.
#pragma once

#include "bench/subjects/subject.h"

namespace bothy::bench {

[[nodiscard]] std::unique_ptr<Subject> make_bare_process();

}  // namespace bothy::bench
