#include "run/user_network.h"

#include "run/mount_order.h"
#include "tests/support/catch.h"

namespace bothy::run {

TEST_CASE("/etc/resolv.conf names --dns, or passt's name server in the user network alone") {
  RunOptions options;
  CHECK(resolv_conf_file(options) == "nameserver 10.0.2.3\n");
  options.network = Network::kNone;
  CHECK(resolv_conf_file(options).empty());
  options.dns = {"9.9.9.9"};
  CHECK(resolv_conf_file(options) == "nameserver 9.9.9.9\n");
}

TEST_CASE("A path's depth is the number of its names, however many slashes there are") {
  CHECK(path_depth("/") == 0);
  CHECK(path_depth("/a") == 1);
  CHECK(path_depth("//a//b/") == 2);
}

}  // namespace bothy::run
