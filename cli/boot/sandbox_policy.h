// What the sandbox of `bothy boot` leaves open.
#pragma once

#include "cli/boot/options.h"
#include "sandbox/confinement.h"

namespace bothy {

// The main thread removes the sockets that it has made; the guest's connections to the host's vsock
// ports are made by path. Paths are those of the options.
[[nodiscard]] sandbox::Policy sandbox_policy(const BootOptions& options);

}  // namespace bothy
