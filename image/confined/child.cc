#include "image/confined/child.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <new>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/process.h"
#include "base/socket_pair.h"
#include "image/confined/wire.h"

namespace bothy::image {
namespace {

constexpr bool is(std::uint32_t type, LinkMessage message) noexcept {
  return type == static_cast<std::uint32_t>(message);
}

Result<std::string> work_in_child(const ConfinedWork& work, ParentLink& link) {
  // Joining a user namespace clears it.
  if (work.prepare) {
    BOTHY_TRY(work.prepare());
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
  BOTHY_TRY(confine(work));
  try {
    return work.run(link);
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kExhausted, "the image needs more memory than it may use");
  }
}

// The parent's side of a link.
class Server {
 public:
  Server(const ConfinedWork& work, int fd) noexcept : work_(work), fd_(fd) {}

  // Until the last message; nothing when the child ends without one.
  std::optional<Result<std::string>> run() {
    while (true) {
      LinkHeader header;
      if (!read_exactly(reinterpret_cast<char*>(&header), sizeof(header))) {
        return std::nullopt;
      }
      if (header.size > kMaxFrame) {
        return make_error(ErrorCode::kBadInput, "a message of the unpacking process is too long");
      }
      content_.resize(header.size);
      if (!read_exactly(content_.data(), content_.size())) {
        return std::nullopt;
      }
      if (is(header.type, LinkMessage::kDone)) {
        return std::move(content_);
      }
      if (is(header.type, LinkMessage::kFailed)) {
        return unpack_error(content_);
      }
      if (auto handled = handle(header.type); !handled) {
        return std::move(handled).error();
      }
    }
  }

 private:
  bool read_exactly(char* into, std::size_t size) const noexcept {
    while (size > 0) {
      const ssize_t count = ::read(fd_, into, size);
      if (count == 0 || (count < 0 && errno != EINTR)) {
        return false;
      }
      into += count < 0 ? 0 : count;
      size -= count < 0 ? 0 : static_cast<std::size_t>(count);
    }
    return true;
  }

  Result<void> handle(std::uint32_t type) {
    if (is(type, LinkMessage::kProgress)) {
      return report_progress();
    }
    if (!work_.serve) {
      return make_error(ErrorCode::kBadInput, "unexpected message of the unpacking process");
    }
    auto answer = work_.serve(type, content_);
    if (type < work_.first_request) {
      BOTHY_TRY(answer);
      return success();
    }
    send(answer ? LinkMessage::kAnswer : LinkMessage::kFailed,
         answer ? answer.value() : pack_error(answer.error()));
    return success();
  }

  Result<void> report_progress() {
    WireReader reader(content_);
    BOTHY_TRY(const std::string what, reader.text(kMaxLinkText));
    BOTHY_TRY(const std::uint64_t done, reader.number());
    BOTHY_TRY(const std::uint64_t all, reader.number());
    if (work_.progress) {
      work_.progress(printable(what), done, all);
    }
    return success();
  }

  // A child that has ended is found by the next read.
  void send(LinkMessage type, std::string_view content) const noexcept {
    const LinkHeader header{static_cast<std::uint32_t>(type),
                            static_cast<std::uint32_t>(content.size())};
    send(std::string_view(reinterpret_cast<const char*>(&header), sizeof(header)));
    send(content);
  }
  void send(std::string_view bytes) const noexcept {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EINTR) {
        return;
      }
      bytes.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
    }
  }

  const ConfinedWork& work_;
  const int fd_;
  std::string content_;
};

}  // namespace

Progress progress_on(ParentLink& link) {
  return [&link](std::string_view what, std::uint64_t done, std::uint64_t all) {
    link.progress(what, done, all);
  };
}

Result<std::string> run_confined(const ConfinedWork& work) {
  BOTHY_TRY(SocketPair link, SocketPair::create());
  ProcessOptions options;
  options.descriptors = work.descriptors;
  options.descriptors[kParentLinkFd] = link.theirs.get();
  options.death_signal = SIGKILL;
  BOTHY_TRY(Process child, Process::start_function(options, [&] {
              ParentLink parent(kParentLinkFd);
              parent.finish(work_in_child(work, parent));
              return 0;
            }));
  link.theirs.reset();
  if (auto result = Server(work, link.ours.get()).run(); result) {
    return std::move(*result);  // the child is killed, if it hasn't ended
  }
  return make_error(ErrorCode::kBadInput,
                    "{}: the unpacking process was ended by {}; the image may be hostile",
                    work.failure, child.wait().describe());
}

}  // namespace bothy::image
