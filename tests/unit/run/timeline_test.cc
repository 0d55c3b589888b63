#include "run/timeline.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace bothy::run {

TEST_CASE("A timeline comes back from its text, and is shown in the order of time") {
  Timeline there;
  there.mark("begins");
  there.mark("ends, at last");
  Timeline here;
  here.append(there.text());
  CHECK(here.text() == there.text());
  here.append("5000000 earlier\nnonsense\n\n7 \n");
  const std::string table = here.table(std::chrono::steady_clock::time_point{});
  const std::size_t earlier = table.find("     5.000      5.000  earlier");
  REQUIRE(earlier != std::string::npos);
  CHECK(table.find("begins") > earlier);
  CHECK(table.find("ends, at last") > table.find("begins"));
  CHECK(table.find("nonsense") == std::string::npos);
}

TEST_CASE("A timeline has a maximum number of marks") {
  Timeline timeline;
  for (std::size_t i = 0; i < 2 * Timeline::kMaxMarks; ++i) {
    timeline.mark("x");
  }
  timeline.append(timeline.text());
  CHECK(std::ranges::count(timeline.text(), '\n') == Timeline::kMaxMarks);
}

}  // namespace bothy::run
