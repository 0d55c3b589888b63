// VhostBackEnd: a vhost-user back end, valid or faulty, on a thread of its own.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "tests/support/unix_sockets.h"

namespace bothy::test {

struct VhostMessage {
  std::uint32_t request = 0;
  std::uint32_t flags = 0;
  std::vector<std::byte> payload;
  std::vector<UniqueFd> fds;

  // The value at a byte offset of the payload.
  template <class T>
  [[nodiscard]] T at(std::size_t offset) const {
    must(offset + sizeof(T) <= payload.size());
    T value;
    std::memcpy(&value, payload.data() + offset, sizeof(T));
    return value;
  }
};

// The header and the payload of an answer, valid or not.
template <class... Words>
std::vector<std::byte> vhost_answer(std::uint32_t request, std::uint32_t flags, std::uint32_t size,
                                    Words... words) {
  std::vector<std::byte> bytes;
  const auto add = [&bytes](const auto& value) {
    const auto part = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), part.begin(), part.end());
  };
  add(request);
  add(flags);
  add(size);
  (add(words), ...);
  return bytes;
}

class VhostBackEnd {
 public:
  static constexpr std::uint32_t kReplyFlags = 1U | 4U;

  struct Behaviour {
    std::uint64_t features = 1ULL << 32U | 1ULL << 30U | 1ULL << 29U | 1ULL << 28U;
    std::uint64_t protocol_features = 1U | 1U << 3U;
    std::uint64_t queues = 2;
    std::uint32_t position = 0;  // the ring position that GET_VRING_BASE returns
    std::optional<std::size_t> die_at = std::nullopt;  // the number of a message
    bool silent = false;
    std::map<std::uint32_t, std::vector<std::byte>> answers = {};  // complete answers, by request
    std::function<void()> before_answer = {};
  };

  explicit VhostBackEnd(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    std::array<int, 2> ends{};
    must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    theirs_.reset(ends[0]);
    ours_.reset(ends[1]);
    thread_ = std::thread([this] { serve(); });
  }
  VhostBackEnd(const VhostBackEnd&) = delete;
  VhostBackEnd& operator=(const VhostBackEnd&) = delete;
  ~VhostBackEnd() {
    hang_up();
    thread_.join();
  }

  [[nodiscard]] UniqueFd take_socket() { return std::move(theirs_); }
  void hang_up() { ::shutdown(ours_.get(), SHUT_RDWR); }
  void say_unasked() { must(::send(ours_.get(), "x", 1, MSG_NOSIGNAL) == 1); }

  // The messages since the last call.
  [[nodiscard]] std::vector<VhostMessage> take_messages() {
    const std::lock_guard lock(mutex_);
    return std::exchange(messages_, {});
  }

 private:
  void serve() {
    for (std::size_t number = 0;; ++number) {
      auto message = receive();
      if (!message || number == behaviour_.die_at) {
        return hang_up();
      }
      const auto answer = answer_to(*message);
      if (behaviour_.before_answer) {
        behaviour_.before_answer();
      }
      {
        const std::lock_guard lock(mutex_);
        messages_.push_back(std::move(*message));
      }
      if (!answer.empty() && !behaviour_.silent) {
        ::send(ours_.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    }
  }

  std::optional<VhostMessage> receive() {
    std::array<std::uint32_t, 3> header{};
    iovec part{header.data(), sizeof(header)};
    alignas(cmsghdr) std::array<std::byte, 256> control{};
    msghdr parts{};
    parts.msg_iov = &part;
    parts.msg_iovlen = 1;
    parts.msg_control = control.data();
    parts.msg_controllen = control.size();
    if (::recvmsg(ours_.get(), &parts, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(header)) {
      return std::nullopt;
    }
    VhostMessage message{header[0], header[1], std::vector<std::byte>(header[2]), {}};
    for (cmsghdr* at = CMSG_FIRSTHDR(&parts); at != nullptr; at = CMSG_NXTHDR(&parts, at)) {
      const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      std::vector<int> fds(count);
      std::memcpy(fds.data(), CMSG_DATA(at), count * sizeof(int));
      for (const int fd : fds) {
        message.fds.emplace_back(fd);
      }
    }
    const auto length = static_cast<ssize_t>(message.payload.size());
    if (length > 0 && ::recv(ours_.get(), message.payload.data(), message.payload.size(),
                             MSG_WAITALL) != length) {
      return std::nullopt;
    }
    return message;
  }

  std::vector<std::byte> answer_to(const VhostMessage& message) const {
    if (const auto lie = behaviour_.answers.find(message.request);
        lie != behaviour_.answers.end()) {
      return lie->second;
    }
    const auto number = [&](std::uint64_t value) {
      return vhost_answer(message.request, kReplyFlags, 8, value);
    };
    switch (message.request) {
      case 1:
        return number(behaviour_.features);
      case 15:
        return number(behaviour_.protocol_features);
      case 17:
        return number(behaviour_.queues);
      case 11:
        return vhost_answer(11, kReplyFlags, 8, message.at<std::uint32_t>(0), behaviour_.position);
      default:
        return (message.flags & 8U) != 0 ? number(0) : std::vector<std::byte>();
    }
  }

  const Behaviour behaviour_;
  UniqueFd theirs_;
  UniqueFd ours_;
  std::mutex mutex_;
  std::vector<VhostMessage> messages_;
  std::thread thread_;
};

}  // namespace bothy::test
