// runc, crun, gVisor's runsc and `bothy oci`: a bundle of the OCI runtime specification, with the
// config.json that `runc spec` writes but for the terminal. That has no seccomp filter and no user
// namespace.
#pragma once

#include "bench/subjects/subject.h"

namespace bothy::bench {

[[nodiscard]] std::unique_ptr<Subject> make_bothy_oci();
[[nodiscard]] std::unique_ptr<Subject> make_runc();
[[nodiscard]] std::unique_ptr<Subject> make_crun();
// From documentation: gvisor.dev/docs/user_guide/quick_start/oci.
[[nodiscard]] std::unique_ptr<Subject> make_gvisor();

}  // namespace bothy::bench
