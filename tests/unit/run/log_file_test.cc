#include "run/log_file.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// What a reader makes of a log: bytes as they were written, by stream.
struct Received {
  std::string output;
  std::string error;

  void take(const LogEntry& entry) {
    std::string& stream = entry.stream == Stream::kError ? error : output;
    stream += std::string(entry.text) + (entry.whole ? "\n" : "");
  }
};

}  // namespace

TEST_CASE("A log returns every byte of each stream, while it grows") {
  const test::TemporaryDirectory directory;
  auto log = LogFile::create(directory / "log");
  REQUIRE(log);
  auto reader = LogReader::open(directory / "log");
  REQUIRE(reader);
  Received received;
  const auto take = [&](const LogEntry& entry) { received.take(entry); };
  const std::string odd("no newline\r\0\x1b[1m", 16);
  log.value().append(Stream::kOutput, bytes("one\ntwo\n\n"));
  log.value().append(Stream::kError, bytes("F P stdout\n"));
  log.value().append(Stream::kOutput, bytes(odd));
  REQUIRE(reader.value().read(take));
  CHECK(received.output == "one\ntwo\n\n" + odd);
  CHECK(received.error == "F P stdout\n");
  log.value().append(Stream::kOutput, bytes(" end\n"));
  REQUIRE(reader.value().read(take));
  CHECK(received.output == "one\ntwo\n\n" + odd + " end\n");
}

TEST_CASE("A long log is renamed, and is read across both files") {
  const test::TemporaryDirectory directory;
  auto log = LogFile::create(directory / "log", 100'000);
  REQUIRE(log);
  auto follower = LogReader::open(directory / "log");
  REQUIRE(follower);
  Received followed;
  std::string all;
  for (int i = 0; i < 10'000; ++i) {
    const std::string line = fmt::format("line {}\n", i);
    all += line;
    log.value().append(Stream::kOutput, bytes(line));
    if (i % 100 == 0) {
      REQUIRE(follower.value().read([&](const LogEntry& entry) { followed.take(entry); }));
    }
  }
  REQUIRE(follower.value().read([&](const LogEntry& entry) { followed.take(entry); }));
  CHECK(followed.output == all);
  CHECK(test::files_in(directory / ".") == 2);
  CHECK(std::filesystem::file_size(directory / "log") < 100'100);
  CHECK(std::filesystem::file_size(directory / "log.1") < 100'100);
  auto late = LogReader::open(directory / "log");
  REQUIRE(late);
  Received received;
  REQUIRE(late.value().read([&](const LogEntry& entry) { received.take(entry); }));
  CHECK(received.output.size() > 10'000);
  CHECK(all.ends_with(received.output));
}

TEST_CASE("A log of empty lines stays within its limit") {
  constexpr std::size_t kLimit = 100'000;
  const test::TemporaryDirectory directory;
  auto log = LogFile::create(directory / "log", kLimit);
  REQUIRE(log);
  log.value().append(Stream::kOutput, bytes(std::string(64UL * 1024, '\n')));
  CHECK(std::filesystem::file_size(directory / "log") < kLimit + 100);
  CHECK(std::filesystem::file_size(directory / "log.1") < kLimit + 100);
}

TEST_CASE("A malformed line is no entry") {
  for (const char* line : {"", "2026", "2026 stdout", "2026 stdin F x", "2026 stdout X x"}) {
    INFO(line);
    CHECK_FALSE(parse_log_line(line));
  }
  const auto entry = parse_log_line("2026-01-02T03:04:05.000000006Z stderr P a b");
  REQUIRE(entry);
  CHECK(entry->time == "2026-01-02T03:04:05.000000006Z");
  CHECK(entry->stream == Stream::kError);
  CHECK_FALSE(entry->whole);
  CHECK(entry->text == "a b");
}

}  // namespace bothy::run
