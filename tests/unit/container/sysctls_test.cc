#include "container/sysctls.h"

#include "tests/support/catch.h"

namespace bothy::container {
namespace {

OciSpec with_sysctl(const std::string& name) {
  OciSpec spec;
  spec.namespaces = {
      {NamespaceKind::kMount, {}}, {NamespaceKind::kNetwork, {}}, {NamespaceKind::kIpc, {}}};
  spec.sysctls = {{name, "1"}};
  return spec;
}

}  // namespace

TEST_CASE("A sysctl's name is a path below /proc/sys") {
  CHECK(sysctl_path("net.ipv4.ip_forward") == "sys/net/ipv4/ip_forward");
  CHECK(sysctl_path("net/ipv4/conf/eth0.1/forwarding") == "sys/net/ipv4/conf/eth0.1/forwarding");
}

TEST_CASE("Sysctls of the container's own namespaces are allowed") {
  CHECK(check_sysctls(with_sysctl("net.ipv4.ip_forward")));
  CHECK(check_sysctls(with_sysctl("net/ipv4/ip_forward")));
  CHECK(check_sysctls(with_sysctl("kernel.shmmax")));
  CHECK(check_sysctls(with_sysctl("fs.mqueue.msg_max")));
}

TEST_CASE("Sysctls of the host are refused") {
  for (const char* name : {"kernel.core_pattern", "vm.swappiness", "user.max_user_namespaces",
                           "net.../kernel/core_pattern", "net/../kernel/core_pattern",
                           "kernel.sem_x", "kernel.domainname"}) {
    CAPTURE(name);
    const auto checked = check_sysctls(with_sysctl(name));
    REQUIRE(!checked);
    CHECK(checked.error().code == ErrorCode::kInvalid);
    CHECK(checked.error().context.find("sysctl '") == 0);
  }
}

TEST_CASE("Sysctls of a namespace that is the host's are refused") {
  OciSpec spec = with_sysctl("net.ipv4.ip_forward");
  spec.namespaces = {{NamespaceKind::kMount, {}}};
  CHECK(!check_sysctls(spec));
  spec.namespaces = {{NamespaceKind::kMount, {}}, {NamespaceKind::kNetwork, "/proc/self/ns/net"}};
  CHECK(!check_sysctls(spec));
}

}  // namespace bothy::container
