#include "cli/doctor/host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

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

TEST_CASE("A device says why it doesn't open") {
  CHECK(open_error("/dev/null") == 0);
  CHECK(open_error("/nonexistent") == ENOENT);
}

TEST_CASE("A program is an executable file in the first directory that has it") {
  std::string name = (std::filesystem::temp_directory_path() / "bothy-doctor-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  const std::filesystem::path root = name;
  std::filesystem::create_directories(root / "a" /
                                      "tool");  // a directory of that name is no program
  std::filesystem::create_directories(root / "b");
  std::ofstream(root / "b" / "tool") << "#!/bin/sh\n";
  ::chmod((root / "b" / "tool").c_str(), 0755);
  std::ofstream(root / "b" / "text") << "no program\n";
  ::chmod((root / "b" / "text").c_str(), 0644);

  const std::string a = root / "a";
  const std::string b = root / "b";
  CHECK(find_program("tool", a + ":" + b, {}) == b + "/tool");
  CHECK(find_program("tool", a, {b}) == b + "/tool");
  CHECK(find_program("tool", "", {b}) == b + "/tool");
  CHECK_FALSE(find_program("tool", a + "::", {}).has_value());
  CHECK_FALSE(find_program("text", b, {}).has_value());
  std::filesystem::remove_all(root);
}

TEST_CASE("A child's words come back, and its misfortunes stay its own") {
  CHECK(run_in_child(milliseconds(5000), [] { return std::string("fine"); }) == "fine");
  CHECK_FALSE(run_in_child(milliseconds(5000), []() -> std::string { throw 1; }).has_value());
  CHECK_FALSE(run_in_child(milliseconds(5000), []() -> std::string { ::_exit(3); }).has_value());
  CHECK_FALSE(run_in_child(milliseconds(5000), []() -> std::string {
                ::raise(SIGKILL);
                return "unreachable";
              }).has_value());
}

TEST_CASE("A child that hangs is ended in time") {
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(run_in_child(milliseconds(50), []() -> std::string {
                while (true) {
                  ::pause();
                }
              }).has_value());
  CHECK(std::chrono::steady_clock::now() - start < milliseconds(2000));
}

}  // namespace bothy::doctor
