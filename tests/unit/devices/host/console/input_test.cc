#include "devices/host/console/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/executor.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"

namespace bothy {
namespace {

using namespace std::chrono_literals;

// Takes at most `room` bytes until it is given more room, as a FIFO does.
class Fifo final : public CharacterReceiver {
 public:
  explicit Fifo(std::size_t room) : room_(room) {}

  std::size_t receive(std::span<const std::byte> bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    const std::size_t taken = std::min(bytes.size(), room_);
    text_.append(reinterpret_cast<const char*>(bytes.data()), taken);
    room_ -= taken;
    wanted_ = taken < bytes.size();
    return taken;
  }
  void set_room_hook(std::function<void()> hook) noexcept override {
    const std::lock_guard lock(mutex_);
    hook_ = std::move(hook);
  }
  void make_room(std::size_t room) {
    const std::lock_guard lock(mutex_);
    room_ += room;
    if (wanted_ && hook_) {
      wanted_ = false;
      hook_();
    }
  }
  // Waits until `size` bytes have come.
  std::string wait_for(std::size_t size) {
    static_cast<void>(test::eventually([&] {
      const std::lock_guard lock(mutex_);
      return text_.size() >= size;
    }));
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::size_t room_;
  std::string text_;
  bool wanted_ = false;
  std::function<void()> hook_;
};

}  // namespace

TEST_CASE("Input waits for room and loses nothing") {
  std::array<int, 2> fds{};
  REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
  UniqueFd reader(fds[0]);
  UniqueFd writer(fds[1]);
  Fifo fifo(3);
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  auto input = ConsoleInput::create(executor.context(), reader.get(), false, fifo, {}).value();
  input->start();
  REQUIRE(::write(writer.get(), "abcdefgh", 8) == 8);
  CHECK(fifo.wait_for(3) == "abc");
  fifo.make_room(2);
  CHECK(fifo.wait_for(5) == "abcde");
  REQUIRE(::write(writer.get(), "ij", 2) == 2);
  fifo.make_room(100);
  CHECK(fifo.wait_for(10) == "abcdefghij");
  executor.stop();
}

TEST_CASE("The keys of an interactive console work while the guest takes nothing") {
  std::array<int, 2> fds{};
  REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
  UniqueFd reader(fds[0]);
  UniqueFd writer(fds[1]);
  Fifo fifo(0);
  std::atomic<bool> quit{false};
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  ConsoleInput::Hooks hooks;
  hooks.quit = [&] { quit = true; };
  hooks.help = [] {};
  auto input =
      ConsoleInput::create(executor.context(), reader.get(), true, fifo, std::move(hooks)).value();
  input->start();
  REQUIRE(::write(writer.get(), "typed", 5) == 5);
  std::this_thread::sleep_for(5ms);
  REQUIRE(::write(writer.get(), "\x01x", 2) == 2);
  CHECK(test::eventually([&] { return quit.load(); }));
  executor.stop();
}

TEST_CASE("The end of a file ends the input only") {
  UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fifo fifo(10);
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  auto input = ConsoleInput::create(executor.context(), null.get(), false, fifo, {}).value();
  input->start();
  std::this_thread::sleep_for(5ms);
  CHECK(fifo.wait_for(0).empty());
  executor.stop();
}

}  // namespace bothy
