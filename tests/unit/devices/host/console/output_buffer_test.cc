#include "devices/host/console/output_buffer.h"

#include <string>

#include "tests/support/catch.h"

namespace bothy {
namespace {

using Mode = OutputBuffer::Mode;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

struct Rig {
  int drains = 0;
  int rooms = 0;
  OutputBuffer buffer;

  explicit Rig(Mode mode) : buffer(mode, [this] { ++drains; }) {
    buffer.set_room_hook([this] { ++rooms; });
  }
  // What a drain in pieces of this size finds.
  std::string drained(std::size_t piece = 1000) {
    std::string text;
    for (auto front = buffer.front(piece); !front.empty(); front = buffer.front(piece)) {
      text.append(reinterpret_cast<const char*>(front.data()), front.size());
      buffer.consume(front.size());
    }
    return text;
  }
};

const std::string kFull(OutputBuffer::kCapacity, 'x');

}  // namespace

TEST_CASE("A burst of writes starts one drain") {
  Rig rig(Mode::kQueue);
  rig.buffer.write(bytes("one "));
  CHECK(rig.buffer.try_write(bytes("two")) == 3);
  CHECK(rig.drains == 1);
  CHECK(rig.drained() == "one two");
  rig.buffer.write(bytes("three"));
  CHECK(rig.drains == 2);
  CHECK(rig.drained(2) == "three");
}

TEST_CASE("A sender that left bytes over is called once half of a full buffer is free") {
  Rig rig(Mode::kQueue);
  CHECK(rig.buffer.try_write(bytes(kFull + "rest")) == kFull.size());
  CHECK(rig.buffer.try_write(bytes("rest")) == 0);
  rig.buffer.consume(kFull.size() / 2 - 1);
  CHECK(rig.rooms == 0);
  rig.buffer.consume(1);
  CHECK(rig.rooms == 1);
  CHECK(rig.buffer.try_write(bytes("rest")) == 4);
  CHECK(rig.drained().ends_with("rest"));
  CHECK(rig.rooms == 1);
}

TEST_CASE("Without a reader output is refused, or the newest is kept for the next one") {
  Rig waiting(Mode::kWait);
  CHECK(waiting.buffer.try_write(bytes("text")) == 0);
  waiting.buffer.set_mode(Mode::kQueue);
  CHECK(waiting.rooms == 1);
  CHECK(waiting.drains == 0);
  CHECK(waiting.buffer.try_write(bytes("text")) == 4);
  waiting.buffer.set_mode(Mode::kWait);
  CHECK(waiting.drained().empty());

  Rig keeping(Mode::kKeepNewest);
  keeping.buffer.write(bytes("oldest"));
  keeping.buffer.write(bytes(kFull + "end"));
  keeping.buffer.write(bytes("!"));
  CHECK(keeping.drains == 0);
  CHECK(keeping.drained().empty());
  keeping.buffer.set_mode(Mode::kQueue);
  CHECK(keeping.drains == 1);
  CHECK(keeping.drained() == kFull.substr(4) + "end!");
  // What this reader leaves is the next one's.
  keeping.buffer.write(bytes("unread"));
  keeping.buffer.set_mode(Mode::kKeepNewest);
  keeping.buffer.set_mode(Mode::kQueue);
  CHECK(keeping.drained() == "unread");
}

TEST_CASE("A broken or released buffer takes everything") {
  Rig broken(Mode::kQueue);
  CHECK(broken.buffer.try_write(bytes(kFull + "rest")) == kFull.size());
  broken.buffer.set_mode(Mode::kDrop);
  CHECK(broken.rooms == 1);
  broken.buffer.write(bytes(kFull));
  CHECK(broken.drained().empty());

  Rig released(GENERATE(Mode::kQueue, Mode::kWait));
  released.buffer.release_writers();
  released.buffer.write(bytes(kFull + "rest"));
  CHECK(released.buffer.try_write(bytes("more")) == 4);
}

}  // namespace bothy
