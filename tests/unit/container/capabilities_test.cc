#include "container/capabilities.h"

#include <linux/capability.h>

#include <string>

#include "tests/support/catch.h"

namespace bothy::container {
namespace {

constexpr Capabilities bit(unsigned capability) {
  return Capabilities{1} << capability;
}

Capabilities changed(const std::vector<std::string>& added,
                     const std::vector<std::string>& dropped) {
  const auto result = change_capabilities(default_capabilities(), added, dropped);
  REQUIRE(result.has_value());
  return result.value();
}

}  // namespace

TEST_CASE("A capability is known by its name in any form") {
  CHECK(parse_capability("CAP_CHOWN").value() == bit(CAP_CHOWN));
  CHECK(parse_capability("cap_sys_admin").value() == bit(CAP_SYS_ADMIN));
  CHECK(parse_capability("net_raw").value() == bit(CAP_NET_RAW));
  CHECK(parse_capability("Checkpoint_Restore").value() == bit(CAP_CHECKPOINT_RESTORE));
}

TEST_CASE("What isn't a capability is an error") {
  for (const std::string name : {"", "CAP_", "CAP_FLY", "CAP_CAP_CHOWN", "ALL", "chown "}) {
    const auto parsed = parse_capability(name);
    REQUIRE(!parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::kInvalid);
    CHECK(parsed.error().context == "unknown capability '" + name + "'");
  }
}

TEST_CASE("Each capability's name stands for its bit") {
  const std::vector<std::string> names = capability_names(all_capabilities());
  REQUIRE(names.size() == CAP_LAST_CAP + 1U);
  for (std::size_t number = 0; number < names.size(); ++number) {
    CHECK(parse_capability(names[number]).value() == bit(static_cast<unsigned>(number)));
  }
  CHECK(names[CAP_NET_BIND_SERVICE] == "CAP_NET_BIND_SERVICE");
  CHECK(names[CAP_AUDIT_READ] == "CAP_AUDIT_READ");
  CHECK(names[CAP_BPF] == "CAP_BPF");
  CHECK(capability_names(bit(CAP_KILL) | bit(CAP_CHOWN)) ==
        std::vector<std::string>{"CAP_CHOWN", "CAP_KILL"});
  CHECK(capability_names(0).empty());
}

TEST_CASE("A container's capabilities by default don't reach the host") {
  CHECK(capability_names(default_capabilities()) ==
        std::vector<std::string>{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID",
                                 "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
                                 "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_SETFCAP"});
}

TEST_CASE("Capabilities are added and dropped as Docker does") {
  const Capabilities base = default_capabilities();
  CHECK(changed({}, {}) == base);
  CHECK(changed({"NET_RAW"}, {"CHOWN"}) == ((base | bit(CAP_NET_RAW)) & ~bit(CAP_CHOWN)));
  CHECK(changed({}, {"all"}) == 0);
  CHECK(changed({"NET_RAW"}, {"ALL"}) == bit(CAP_NET_RAW));
  CHECK(changed({"ALL"}, {}) == all_capabilities());
  CHECK(changed({"ALL"}, {"SYS_ADMIN"}) == (all_capabilities() & ~bit(CAP_SYS_ADMIN)));
  CHECK(changed({"CHOWN"}, {"CHOWN"}) == base);
}

TEST_CASE("An unknown capability can't be added or dropped") {
  CHECK(change_capabilities(0, {"FLY"}, {}).error().code == ErrorCode::kInvalid);
  CHECK(change_capabilities(0, {}, {"FLY"}).error().code == ErrorCode::kInvalid);
  CHECK(change_capabilities(0, {"ALL"}, {"FLY"}).error().context == "unknown capability 'FLY'");
}

}  // namespace bothy::container
