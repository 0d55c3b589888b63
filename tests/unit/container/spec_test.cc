#include "container/spec.h"

#include <sched.h>

#include "tests/support/catch.h"

namespace bothy::container {

TEST_CASE("Each kind of namespace has its name and its flag") {
  CHECK(to_string(NamespaceKind::kNetwork) == "network");
  CHECK(clone_flag(NamespaceKind::kNetwork) == CLONE_NEWNET);
  CHECK(to_string(NamespaceKind::kTime) == "time");
  CHECK(clone_flag(NamespaceKind::kUser) == CLONE_NEWUSER);
}

}  // namespace bothy::container
