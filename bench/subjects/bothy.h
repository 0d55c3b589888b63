// bothy's own isolations, driven by its command line: `bothy run --isolation vm|container`.
#pragma once

#include "bench/subjects/subject.h"

namespace bothy::bench {

[[nodiscard]] std::unique_ptr<Subject> make_bothy_vm();
[[nodiscard]] std::unique_ptr<Subject> make_bothy_container();

}  // namespace bothy::bench
