#include "run/isolations/table.h"

#include "tests/support/catch.h"

namespace bothy::run {

TEST_CASE("A kind of isolation is found by its name") {
  CHECK(find_isolation("vm").value()->name == "vm");
  for (const char* name : {"", "VM", "virtual"}) {
    INFO(name);
    CHECK(find_isolation(name).error().code == ErrorCode::kInvalid);
  }
  CHECK(find_isolation("jail").error().context.find("expected vm") != std::string::npos);
}

TEST_CASE("Flags of one kind of isolation are checked by that kind") {
  const IsolationKind& vm = *find_isolation("vm").value();
  RunOptions options;
  CHECK(validate_isolation(vm, options));
  options.isolation_flags["--modules"] = {"/lib/modules/6.1"};
  CHECK(validate_isolation(vm, options).error().context.starts_with("--modules needs --kernel"));
  options.isolation_flags["--kernel"] = {"/boot/vmlinuz"};
  CHECK(validate_isolation(vm, options));
  options.isolation_flags["--other"] = {"x"};
  CHECK(validate_isolation(vm, options).error().context ==
        "--other: not available with --isolation vm");
}

TEST_CASE("A microVM has whole CPUs and a network stack of its own") {
  const IsolationKind& vm = *find_isolation("vm").value();
  RunOptions options;
  options.millicpus = 2000;
  CHECK(validate_isolation(vm, options));
  options.millicpus = 1500;
  CHECK(validate_isolation(vm, options).error().context.starts_with("--cpus: "));
  options.millicpus.reset();
  options.network = Network::kHost;
  CHECK(validate_isolation(vm, options).error().context.starts_with("--network host: "));
  options.network = Network::kNamespace;
  CHECK(validate_isolation(vm, options).error().context.starts_with("--network ns:PATH: "));
}

TEST_CASE("Containers have networks and flags of their own") {
  const IsolationKind& container = *find_isolation("container").value();
  RunOptions options;
  options.millicpus = 1500;
  options.network = Network::kHost;
  CHECK(validate_isolation(container, options));
  options.network = Network::kTap;
  CHECK(validate_isolation(container, options).error().context.starts_with("--network tap="));
  options.network = Network::kUser;
  options.isolation_flags["--cap-add"] = {"FLY"};
  CHECK(validate_isolation(container, options).error().context.starts_with("--cap-add: "));
  options.isolation_flags = {{"--kernel", {"/boot/vmlinuz"}}};
  CHECK(validate_isolation(container, options).error().context ==
        "--kernel: not available with --isolation container");
}

}  // namespace bothy::run
