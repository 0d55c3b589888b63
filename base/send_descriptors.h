// Descriptors as part of a message on a unix socket (unix(7), SCM_RIGHTS).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace bothy {

inline constexpr std::size_t kMaxSentDescriptors = 4;

// Sends a text, of at least one byte, with the descriptors, at most kMaxSentDescriptors. False with
// errno set on failure; no SIGPIPE.
[[nodiscard]] bool send_descriptors(int socket, std::span<const int> descriptors,
                                    std::string_view text = {"\0", 1}) noexcept;

}  // namespace bothy
