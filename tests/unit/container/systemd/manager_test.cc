#include "container/systemd/manager.h"

#include "tests/support/catch.h"

namespace bothy::container {
namespace {

std::string name(std::string_view path) {
  const auto parsed = parse_scope_name(path, "box", "system.slice");
  return parsed ? parsed.value().slice + " " + parsed.value().unit : parsed.error().context;
}

}  // namespace

TEST_CASE("Paths as engines write them name a slice and a scope") {
  CHECK(name("machine.slice:libpod:0123") == "machine.slice libpod-0123.scope");
  CHECK(name("kubepods-burstable.slice:cri-containerd:9") ==
        "kubepods-burstable.slice cri-containerd-9.scope");
  CHECK(name(":docker:9") == "system.slice docker-9.scope");
  CHECK(name("a.slice::9") == "a.slice 9.scope");
  CHECK(name("") == "system.slice bothy-box.scope");
}

TEST_CASE("Other paths are refused") {
  for (const char* path : {"/machine/box", "a.slice:b", "a.slice:b:", "a:b:c", "a.slice:b:c.slice",
                           "a.slice:b:c:d", "a/b.slice:c:d", "a.slice:b\n:c"}) {
    CHECK(name(path).find("expected SLICE.slice:PREFIX:NAME") != std::string::npos);
  }
  CHECK(name("a.slice:b:" + std::string(250, 'x')).find("longer than 255") != std::string::npos);
}

}  // namespace bothy::container
