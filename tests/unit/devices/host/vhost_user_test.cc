#include "devices/host/vhost_user.h"

#include <sys/stat.h>

#include <array>
#include <string>

#include "base/event_fd.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"
#include "tests/support/manual_clock.h"
#include "tests/support/vhost_back_end.h"

namespace bothy {
namespace {

using test::vhost_answer;
using test::VhostBackEnd;
using test::VhostMessage;
using namespace std::chrono_literals;

constexpr std::uint64_t kHole = 4ULL << 20U;
constexpr std::array kRanges{MemoryRange{0, 2ULL << 20U}, MemoryRange{kHole, 2ULL << 20U}};

GuestMemory shared_memory() {
  return GuestMemory::create(kRanges, MemoryBacking::kShared).value();
}

std::vector<std::uint32_t> requests_of(const std::vector<VhostMessage>& messages) {
  std::vector<std::uint32_t> requests;
  for (const VhostMessage& message : messages) {
    requests.push_back(message.request);
  }
  return requests;
}

bool same_file(int one, int other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 &&
         first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

// A whole life: the first error, if any, in words.
std::string live(VhostBackEnd& other, const GuestMemory& memory) {
  const EventFd kick = EventFd::create().value();
  const EventFd call = EventFd::create().value();
  const VhostRing ring{1, 64, 0x1000, 0x2000, 0x3000, 5, kick.fd(), call.fd()};
  auto back_end = VhostUser::connect(other.take_socket(), "fake", memory, 2, test::kHangLimit);
  if (!back_end) {
    return back_end.error().context;
  }
  VhostUser& user = *back_end.value();
  std::string why;
  const auto note = [&why](const auto& result) {
    if (!result && why.empty()) {
      why = result.error().context;
    }
    // The first failure is the last word.
    CHECK((why.empty() || !result));
  };
  VhostRingPosition position{1};
  note(user.start_rings(user.features(), {&ring, 1}));
  note(user.stop_rings({&position, 1}));
  CHECK(position.base.has_value() == why.empty());
  CHECK(user.alive() == why.empty());
  return why;
}

}  // namespace

TEST_CASE("A ring is handed over with the memory it lies in, and taken back") {
  const GuestMemory memory = shared_memory();
  const EventFd kick = EventFd::create().value();
  const EventFd call = EventFd::create().value();
  VhostBackEnd other({.position = 7});
  auto user = VhostUser::connect(other.take_socket(), "fake", memory, 2, test::kHangLimit).value();
  CHECK(user->features() == (1ULL << 32U | 1ULL << 29U | 1ULL << 28U));
  const auto first = other.take_messages();
  CHECK(requests_of(first) == std::vector<std::uint32_t>{1, 15, 16, 17, 3, 5});
  const VhostMessage& table = first.back();
  CHECK(table.at<std::uint32_t>(0) == 2);
  REQUIRE(table.payload.size() == 8 + 2 * 32);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(table.at<std::uint64_t>(8 + 32 * i) == kRanges.at(i).start);
    CHECK(table.at<std::uint64_t>(16 + 32 * i) == kRanges.at(i).size);
    CHECK(table.at<std::uint64_t>(32 + 32 * i) == i * kRanges[0].size);
  }
  REQUIRE(table.fds.size() == 2);
  CHECK(same_file(table.fds[1].get(), memory.fd()));

  const VhostRing ring{1, 64, 0x1000, 0x2000, 0x3000, 5, kick.fd(), call.fd()};
  REQUIRE(user->start_rings(1ULL << 32U, {&ring, 1}));
  const auto second = other.take_messages();
  CHECK(requests_of(second) == std::vector<std::uint32_t>{2, 8, 10, 9, 13, 12, 18});
  CHECK(second[0].at<std::uint64_t>(0) == (1ULL << 32U | 1ULL << 30U));
  CHECK(second[1].at<std::uint32_t>(4) == 64);
  CHECK(second[2].at<std::uint32_t>(4) == 5);
  CHECK(second[3].at<std::uint32_t>(0) == 1);
  CHECK(second[3].at<std::uint64_t>(8) == 0x1000);
  CHECK(second[3].at<std::uint64_t>(16) == 0x3000);  // used
  CHECK(second[3].at<std::uint64_t>(24) == 0x2000);  // available
  kick.signal();
  std::uint64_t count = 0;
  REQUIRE(second[5].fds.size() == 1);
  CHECK(::read(second[5].fds[0].get(), &count, sizeof(count)) == sizeof(count));
  count = 3;
  REQUIRE(second[4].fds.size() == 1);
  CHECK(::write(second[4].fds[0].get(), &count, sizeof(count)) == sizeof(count));
  CHECK(call.drain() == 3);

  VhostRingPosition position{1};
  REQUIRE(user->stop_rings({&position, 1}));
  CHECK(position.base == 7);
  CHECK(user->alive());
}

TEST_CASE("A back end without REPLY_ACK gets the same messages") {
  VhostBackEnd other({.protocol_features = 0});
  CHECK(live(other, shared_memory()).empty());
  for (const VhostMessage& message : other.take_messages()) {
    CHECK((message.flags & 8U) == 0);
    CHECK(message.request != 17);
  }
}

TEST_CASE("An invalid answer is an error") {
  constexpr std::uint32_t kReply = VhostBackEnd::kReplyFlags;
  const std::uint64_t zero = 0;
  const std::uint64_t huge = 1ULL << 40U;
  const auto [request, answer,
              why] = GENERATE_COPY(table<std::uint32_t, std::vector<std::byte>, const char*>({
      {1, vhost_answer(1, kReply, 8, zero), "too old"},
      {1, vhost_answer(2, kReply, 8, zero), "not a valid answer"},
      {1, vhost_answer(1, 1, 8, zero), "not a valid answer"},
      {1, vhost_answer(1, 6, 8, zero), "not a valid answer"},
      {1, vhost_answer(1, kReply, 4, zero), "not a valid answer"},
      {1, vhost_answer(1, kReply, 0xffffffff, zero), "not a valid answer"},
      {17, vhost_answer(17, kReply, 8, std::uint64_t{1}), "serves 1 queues, not 2"},
      {5, vhost_answer(5, kReply, 8, std::uint64_t{1}), "refuses SET_MEM_TABLE"},
      {2, vhost_answer(2, kReply, 8, huge), "refuses SET_FEATURES"},
      {12, vhost_answer(13, kReply, 8, zero), "answers SET_VRING_KICK with message 13"},
      {11, vhost_answer(11, kReply, 8, 0U, 0U), "GET_VRING_BASE of ring 1 with entry 0 of ring 0"},
      {11, vhost_answer(11, kReply, 8, 1U, 65536U), "with entry 65536 of ring 1"},
      {11, vhost_answer(11, kReply, 0), "not a valid answer"},
  }));
  VhostBackEnd::Behaviour behaviour;
  behaviour.answers[request] = answer;
  VhostBackEnd other(behaviour);
  const std::string said = live(other, shared_memory());
  CAPTURE(said);
  CHECK(said.starts_with("fake "));
  CHECK(said.find(why) != std::string::npos);
}

TEST_CASE("The end of a back end is an error at any message") {
  const std::size_t number = GENERATE(range<std::size_t>(0, 14));
  VhostBackEnd other({.die_at = number});
  const std::string said = live(other, shared_memory());
  CAPTURE(number, said);
  CHECK(said.find("has ended") != std::string::npos);
}

TEST_CASE("A back end that never answers is an error after the time limit") {
  VhostBackEnd other({.silent = true});
  const auto user = VhostUser::connect(other.take_socket(), "fake", shared_memory(), 2, 1ms);
  REQUIRE(!user);
  CHECK(user.error().context == "fake doesn't answer GET_FEATURES in time");
}

TEST_CASE("A back end that is slow with each message has one time limit for all of them") {
  test::ManualClock clock;
  VhostBackEnd other({.before_answer = [&clock] { clock.advance(3s); }});
  const GuestMemory memory = shared_memory();
  auto connected =
      VhostUser::connect(other.take_socket(), "fake", memory, 2, test::kHangLimit, clock);
  REQUIRE(connected);
  VhostUser& user = *connected.value();
  const EventFd event = EventFd::create().value();
  const VhostRing ring{1, 64, 0x1000, 0x2000, 0x3000, 5, event.fd(), event.fd()};
  const auto started = user.start_rings(user.features(), {&ring, 1});
  REQUIRE(!started);
  CHECK(started.error().context.starts_with("fake doesn't answer SET_VRING_"));
  CHECK(started.error().context.ends_with(" in time"));
}

TEST_CASE("Each transaction has the time limit for itself") {
  test::ManualClock clock;
  VhostBackEnd other({.before_answer = [&clock] { clock.advance(1s); }});
  const GuestMemory memory = shared_memory();
  auto connected = VhostUser::connect(other.take_socket(), "fake", memory, 2, 7s, clock);
  REQUIRE(connected);
  VhostUser& user = *connected.value();
  const EventFd event = EventFd::create().value();
  const VhostRing ring{1, 64, 0x1000, 0x2000, 0x3000, 5, event.fd(), event.fd()};
  VhostRingPosition position{1};
  CHECK(user.start_rings(user.features(), {&ring, 1}));
  CHECK(user.stop_rings({&position, 1}));
}

TEST_CASE("Private memory can't be shared with a back end") {
  VhostBackEnd other({});
  const auto memory = GuestMemory::create(kRanges, MemoryBacking::kAnonymous).value();
  const auto user = VhostUser::connect(other.take_socket(), "fake", memory, 2, test::kHangLimit);
  REQUIRE(!user);
  CHECK(user.error().code == ErrorCode::kInvalid);
}

TEST_CASE("Whether a back end lives is known without a message to it") {
  VhostBackEnd other({});
  const GuestMemory memory = shared_memory();
  const auto user =
      VhostUser::connect(other.take_socket(), "fake", memory, 2, test::kHangLimit).value();
  CHECK(user->alive());
  if (GENERATE(false, true)) {
    other.say_unasked();
  } else {
    other.hang_up();
  }
  CHECK(!user->alive());
}

}  // namespace bothy
