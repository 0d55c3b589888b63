// A back end that says anything at all, all of it at once, and then hangs up. The first byte of the
// input chooses how much of the truth it tells before.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/event_fd.h"
#include "devices/host/vhost_user.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"

namespace {

using namespace bothy;
using fuzz::check;

const GuestMemory& memory() {
  static constexpr std::array kRanges{MemoryRange{0, 2ULL << 20U}};
  static const GuestMemory shared = GuestMemory::create(kRanges, MemoryBacking::kShared).value();
  return shared;
}

void add(std::vector<std::byte>& bytes, std::uint32_t request, std::uint64_t value) {
  const std::array<std::uint32_t, 3> header{request, 1U | 4U, sizeof(value)};
  const auto head = std::as_bytes(std::span(header));
  const auto body = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), head.begin(), head.end());
  bytes.insert(bytes.end(), body.begin(), body.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMost = 4096;
  if (size > kMost) {
    return 0;
  }
  fuzz::Input input({data, size});
  struct Answer {
    std::uint32_t request;
    std::uint64_t value;
  };
  constexpr std::array<Answer, 13> kTruth{{{1, 1ULL << 32U | 1ULL << 30U},
                                           {15, 9},
                                           {17, 2},
                                           {3, 0},
                                           {5, 0},
                                           {2, 0},
                                           {8, 0},
                                           {10, 0},
                                           {9, 0},
                                           {13, 0},
                                           {12, 0},
                                           {18, 0},
                                           {11, 0}}};
  std::vector<std::byte> bytes;
  const std::size_t truths = input.below(kTruth.size() + 1);
  for (const Answer& answer : std::span(kTruth).first(truths)) {
    add(bytes, answer.request, answer.value);
  }
  while (!input.ended()) {
    bytes.push_back(std::byte{input.byte()});
  }

  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  check(::send(theirs.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(bytes.size()));
  check(::shutdown(theirs.get(), SHUT_WR) == 0);

  auto connected =
      VhostUser::connect(std::move(ours), "fuzz", memory(), 2, std::chrono::seconds(60));
  if (!connected) {
    check(!connected.error().context.empty());
    return 0;
  }
  VhostUser& back_end = *connected.value();
  static const EventFd event = EventFd::create().value();
  const VhostRing ring{0, 64, 0x1000, 0x2000, 0x3000, 0, event.fd(), event.fd()};
  const auto started = back_end.start_rings(back_end.features(), {&ring, 1});
  VhostRingPosition position{0};
  const auto stopped = back_end.stop_rings({&position, 1});
  check(started || !stopped);
  check(stopped.has_value() == position.base.has_value());
  check(!back_end.alive());  // it has said something unasked, or hung up
  return 0;
}
