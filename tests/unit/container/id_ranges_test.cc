#include "container/id_ranges.h"

#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace bothy;
using namespace bothy::container;

namespace {

ReservedIds reserve(const test::TemporaryDirectory& directory, std::string_view id,
                    const std::vector<IdRange>& taken = {}) {
  auto reserved = reserve_ids(directory.path(), id, taken);
  if (!reserved) {
    FAIL(reserved.error().context);
  }
  return std::move(reserved).value();
}

}  // namespace

TEST_CASE("a container gets ids of systemd's range for containers") {
  const test::TemporaryDirectory directory;
  for (const std::string id : {"0123456789ab", "0123456789ac", "a", "b"}) {
    const ReservedIds reserved = reserve(directory, id);
    CHECK(reserved.start % kIdsOfContainer == 0);
    CHECK(reserved.start >= 524288);
    CHECK(reserved.start <= 1879048191 - (kIdsOfContainer - 1));
    CHECK(reserved.mappings() ==
          IdMappings{{{0, reserved.start, 65536}}, {{0, reserved.start, 65536}}});
  }
}

TEST_CASE("no two containers have ids in common") {
  const test::TemporaryDirectory directory;
  std::vector<ReservedIds> all;
  std::set<std::uint32_t> starts;
  for (int i = 0; i < 300; ++i) {
    all.push_back(reserve(directory, i % 2 == 0 ? "the same" : std::to_string(i)));
    CHECK(starts.insert(all.back().start).second);
  }
}

TEST_CASE("an id gets the same range again once that is free") {
  const test::TemporaryDirectory directory;
  const std::uint32_t first = reserve(directory, "x").start;
  const ReservedIds again = reserve(directory, "x");
  CHECK(again.start == first);
  CHECK(reserve(directory, "x").start != first);
}

TEST_CASE("a range is free when its last process has ended") {
  const test::TemporaryDirectory directory;
  std::uint32_t start = 0;
  int hold[2];
  REQUIRE(::pipe(hold) == 0);
  pid_t child = 0;
  {
    const ReservedIds reserved = reserve(directory, "x");
    start = reserved.start;
    child = ::fork();
    if (child == 0) {
      char byte = 0;
      ::_exit(::read(hold[0], &byte, 1) == 1 ? 0 : 1);
    }
  }
  CHECK(reserve(directory, "x").start != start);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(reserve(directory, "x").start == start);
}

TEST_CASE("subordinate ids of users are nobody else's") {
  const test::TemporaryDirectory directory;
  const std::uint32_t start = reserve(directory, "x").start;
  const auto with = [&](IdRange taken) { return reserve(directory, "x", {taken}).start; };
  CHECK(with({start, 1}) != start);
  CHECK(with({start + 65535, 1}) != start);
  CHECK(with({start - 10, 11}) != start);
  CHECK(with({start - 10, 10}) == start);
  CHECK(with({start + 65536, 10}) == start);
}

TEST_CASE("a host without free ids is an error that says so") {
  const test::TemporaryDirectory directory;
  const std::vector<IdRange> taken{kContainerIds};
  const auto reserved = reserve_ids(directory.path(), "x", taken);
  REQUIRE(reserved.has_error());
  CHECK(reserved.error().code == ErrorCode::kExhausted);
  CHECK(reserved.error().context.find("--userns host") != std::string::npos);
}
