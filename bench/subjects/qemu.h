// QEMU's machine type microvm, as small as its documentation (docs/system/i386/microvm) makes it.
#pragma once

#include "bench/subjects/subject.h"

namespace bothy::bench {

[[nodiscard]] std::unique_ptr<Subject> make_qemu();

}  // namespace bothy::bench
