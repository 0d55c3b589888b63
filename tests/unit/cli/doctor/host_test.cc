#include "cli/doctor/host.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "tests/support/catch.h"

namespace bothy::doctor {
namespace {

using std::chrono::milliseconds;
using Words = std::vector<std::string_view>;

}  // namespace

TEST_CASE("Words, lines and numbers are found in kernel files") {
  CHECK(words("  cpu  memory\tpids\n") == Words{"cpu", "memory", "pids"});
  CHECK(words(" \n").empty());
  CHECK(lines("a b\n\nc") == Words{"a b", "", "c"});
  CHECK(lines("a\n") == Words{"a"});
  CHECK(lines("").empty());
  CHECK(to_number("   24684040 kB") == 24684040);
  CHECK(to_number("12") == 12);
  CHECK(to_number("") == 0);
  CHECK(to_number("none") == 0);
  CHECK(to_number("99999999999999999999999") == 0);
}

TEST_CASE("A file that can't be read is empty") {
  CHECK(read_file("/nonexistent").empty());
  CHECK(read_file("/").empty());
  CHECK_FALSE(read_file("/proc/self/status").ends_with('\n'));
}

TEST_CASE("The error of opening a device is its errno value") {
  CHECK(open_error("/dev/null") == 0);
  CHECK(open_error("/nonexistent") == ENOENT);
}

TEST_CASE("The result of a child comes back, and its failures don't") {
  CHECK(run_in_child(milliseconds(5000), [] { return std::string("fine"); }) == "fine");
  CHECK_FALSE(run_in_child(milliseconds(5000), []() -> std::string { throw 1; }).has_value());
  CHECK_FALSE(run_in_child(milliseconds(5000), []() -> std::string { ::_exit(3); }).has_value());
  CHECK_FALSE(run_in_child(milliseconds(5000), []() -> std::string {
                ::raise(SIGKILL);
                return "unreachable";
              }).has_value());
}

TEST_CASE("A child that hangs is killed at its limit") {
  CHECK_FALSE(run_in_child(milliseconds(50), []() -> std::string {
                while (true) {
                  ::pause();
                }
              }).has_value());
}

}  // namespace bothy::doctor
