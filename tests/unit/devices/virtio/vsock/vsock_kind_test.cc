#include "devices/virtio/vsock/kind.h"

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("--vsock takes a path and a CID") {
  const auto config = parse_vsock("/run/v,cid=42");
  REQUIRE(config);
  CHECK(config.value().path == "/run/v");
  CHECK(config.value().cid == 42);
  CHECK(parse_vsock("v").value().cid == 3);
  CHECK(describe(config.value()) == boost::json::object{{"path", "/run/v"}, {"cid", 42}});
}

TEST_CASE("--vsock without a path, with an invalid CID or an unknown option is refused") {
  const auto text = GENERATE(as<std::string>(), "", "cid=3", "v,cid=2", "v,cid=4294967295",
                             "v,cid=three", "v,cid", "v,colour=red");
  const auto config = parse_vsock(text);
  REQUIRE(!config);
  CHECK(config.error().code == ErrorCode::kInvalid);
  CHECK(config.error().context.starts_with("--vsock: "));
}

}  // namespace bothy
