#include "run/container/container_flags.h"

#include "tests/support/catch.h"

namespace bothy::run {
namespace {

Result<ContainerFlags> parse(const char* flag, std::vector<std::string> values) {
  RunOptions options;
  options.isolation_flags[flag] = std::move(values);
  return parse_container_flags(options);
}

std::string error_of(const char* flag, const char* value) {
  const auto flags = parse(flag, {value});
  return flags ? std::string() : flags.error().context;
}

}  // namespace

TEST_CASE("Without flags a container has a range of ids and bothy's own seccomp profile") {
  const ContainerFlags flags = parse_container_flags(RunOptions()).value();
  CHECK(flags.user_namespace == UserNamespace::kAuto);
  CHECK(flags.shm_size == 64U << 20U);
  CHECK_FALSE(flags.privileged);
  CHECK_FALSE(flags.no_new_privileges);
  CHECK_FALSE(flags.unmasked);
  CHECK_FALSE(flags.seccomp.has_value());
}

TEST_CASE("--device names a device, its place in the container and what is allowed") {
  const auto flags =
      parse("--device", {"/dev/kvm", "/dev/a:/dev/b", "/dev/c:r", "/dev/d:/dev/e:w"});
  const auto& devices = flags.value().devices;
  REQUIRE(devices.size() == 4);
  CHECK(devices[0].container == "/dev/kvm");
  CHECK((devices[0].read && devices[0].write && devices[0].make));
  CHECK(devices[1].host == "/dev/a");
  CHECK(devices[1].container == "/dev/b");
  CHECK(devices[2].container == "/dev/c");
  CHECK((devices[2].read && !devices[2].write && !devices[2].make));
  CHECK(devices[3].container == "/dev/e");
  CHECK((!devices[3].read && devices[3].write));
  for (const char* text : {"", "kvm", "/", "/dev/a:", "/dev/a:x", "/dev/a:/dev/b:", "/dev/a:b:r",
                           "/dev/a:/dev/b:rwmr:x"}) {
    INFO(text);
    CHECK(error_of("--device", text).starts_with("--device: invalid value"));
  }
}

TEST_CASE("--security-opt takes Docker's options") {
  const auto all =
      parse("--security-opt", {"no-new-privileges", "seccomp=/a/b.json", "apparmor=web",
                               "label=u:r:t:s0", "systempaths=unconfined"});
  const ContainerFlags& flags = all.value();
  CHECK(flags.no_new_privileges);
  CHECK(flags.unmasked);
  CHECK(flags.seccomp == "/a/b.json");
  CHECK(flags.apparmor == "web");
  CHECK(flags.label == "u:r:t:s0");
  CHECK_FALSE(parse("--security-opt", {"no-new-privileges=false"}).value().no_new_privileges);
  CHECK(parse("--security-opt", {"seccomp:unconfined"}).value().seccomp == kUnconfined);
  CHECK(parse("--security-opt", {"apparmor=unconfined"}).value().apparmor.empty());
  for (const char* text :
       {"", "seccomp", "seccomp=", "no-new-privileges=maybe", "systempaths=x", "unknown=x"}) {
    INFO(text);
    CHECK(error_of("--security-opt", text).starts_with("--security-opt: invalid value"));
  }
}

TEST_CASE("Capabilities, sysctls, sizes and the user namespace are checked") {
  CHECK(parse("--cap-add", {"NET_ADMIN", "ALL"}).has_value());
  CHECK(error_of("--cap-add", "FLY").starts_with("--cap-add: "));
  CHECK(error_of("--cap-drop", "FLY").starts_with("--cap-drop: "));
  CHECK(parse("--sysctl", {"net.core.somaxconn=64"}).value().sysctls.front().second == "64");
  CHECK(error_of("--sysctl", "=1").starts_with("--sysctl: "));
  CHECK(error_of("--sysctl", "a").starts_with("--sysctl: "));
  CHECK(parse("--shm-size", {"1G"}).value().shm_size == 1ULL << 30U);
  CHECK_FALSE(parse("--shm-size", {"much"}).has_value());
  CHECK(parse("--userns", {"keep-id"}).value().user_namespace == UserNamespace::kKeepId);
  CHECK(parse("--userns", {"auto", "host"}).value().user_namespace == UserNamespace::kHost);
  CHECK(error_of("--userns", "none").starts_with("--userns: "));
  CHECK(parse("--privileged", {""}).value().privileged);
}

}  // namespace bothy::run
