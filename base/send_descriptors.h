// Descriptors as part of a message on a unix socket (unix(7), SCM_RIGHTS).
#pragma once

#include <cstddef>
#include <span>

namespace bothy {

inline constexpr std::size_t kMaxSentDescriptors = 4;

// Sends one byte of 0 with the descriptors, at most kMaxSentDescriptors. False with errno set on
// failure; no SIGPIPE.
[[nodiscard]] bool send_descriptors(int socket, std::span<const int> descriptors) noexcept;

}  // namespace bothy
