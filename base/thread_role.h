// What a thread is for, told by the thread itself once its set-up is over. Whoever confines this
// process (sandbox/) listens; without a listener nothing happens. So no room depends on the
// sandbox, and a test runs unconfined.
#pragma once

#include <cstdint>

namespace bothy {

enum class ThreadRole : std::uint8_t {
  kVcpu,     // runs guest code, and answers its port and MMIO accesses
  kDevices,  // the executor of virtio devices
  kConsole,  // the executor of consoles and ports
  kDisk,     // serves a queue of a disk, or performs its I/O
  kNetwork,  // serves a pair of queues of a network device
};

using RoleListener = void (*)(ThreadRole role) noexcept;

// Before the first thread with a role starts. Null: nobody listens, as at first.
void set_role_listener(RoleListener listener) noexcept;

// From now on the calling thread does only what its role needs: it opens nothing and starts no
// thread or process. Doesn't return where the listener can't confine it.
void enter_role(ThreadRole role) noexcept;

}  // namespace bothy
