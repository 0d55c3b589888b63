#include "base/thread_role.h"

#include <atomic>

namespace bothy {
namespace {

std::atomic<RoleListener> g_listener{nullptr};

}  // namespace

void set_role_listener(RoleListener listener) noexcept {
  g_listener.store(listener);
}

void enter_role(ThreadRole role) noexcept {
  if (const RoleListener listener = g_listener.load(); listener != nullptr) {
    listener(role);
  }
}

}  // namespace bothy
