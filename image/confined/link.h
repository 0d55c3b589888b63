// ParentLink: how a confined child speaks to the process that started it. Requests go one way,
// answers the other; the child waits for an answer before it goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy::image {

// Of requests and answers.
inline constexpr std::uint32_t kMaxFrame = 8U << 20U;
// Of an error's context, and of what progress is reported of.
inline constexpr std::size_t kMaxLinkText = 4096;

// Messages of every child; others are those of its work, from kFirstRequest on.
enum class LinkMessage : std::uint32_t {
  kProgress,  // text, number, number; not answered
  kDone,      // the result, as the work has it; the last message
  kFailed,    // number (ErrorCode), text; the last message, or the answer to a request
  kAnswer,    // to a request
  kFirstRequest = 16,
};

struct LinkHeader {
  std::uint32_t type = 0;
  std::uint32_t size = 0;  // of what follows
};

// The child's side. Uses read(2) and write(2) alone.
class ParentLink {
 public:
  explicit ParentLink(int fd) noexcept : fd_(fd) {}

  // Sends a message that isn't answered. When the parent can't do as it says, it ends this process.
  [[nodiscard]] Result<void> tell(std::uint32_t type, std::string_view content);
  // Sends a request, and returns its answer, which may be an error.
  [[nodiscard]] Result<std::string> ask(std::uint32_t type, std::string_view content);
  // May be called often.
  void progress(std::string_view what, std::uint64_t done, std::uint64_t all);
  void finish(const Result<std::string>& result);

 private:
  const int fd_;
  std::chrono::steady_clock::time_point next_progress_;
};

// An error as a message, and back. Control characters don't survive.
[[nodiscard]] std::string pack_error(const Error& error);
[[nodiscard]] Error unpack_error(std::string_view content);

}  // namespace bothy::image
