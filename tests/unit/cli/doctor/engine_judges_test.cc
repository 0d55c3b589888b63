#include "cli/doctor/engine_probes.h"
#include "cli/doctor/report.h"
#include "tests/support/catch.h"

namespace bothy::doctor {
namespace {

const Installed kInstalled{"/usr/bin/bothy-oci", "/usr/share/bothy"};
const Installed kBuilt{"/opt/bothy-oci", ""};

Answer answered(std::string output) {
  return {true, std::move(output), {}};
}
Answer refused(std::string message) {
  return {false, {}, std::move(message)};
}

bool mentions(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

}  // namespace

TEST_CASE("Engines that aren't installed are no failure") {
  for (const Finding& finding :
       {judge_podman({}, kInstalled), judge_containerd({}, kInstalled), judge_docker({}, {})}) {
    CHECK(finding.status == Status::kInfo);
    CHECK(finding.found == "not installed");
    CHECK(finding.remedy.empty());
    CHECK(finding.group == Group::kEngines);
  }
}

TEST_CASE("Podman has the runtime, or is told what to add") {
  const Finding good = judge_podman(answered("/usr/bin/bothy-oci\nsystemd\n4.3.1\n"), kInstalled);
  CHECK(good.status == Status::kOk);
  CHECK(good.found == "4.3.1: runtime 'bothy' is /usr/bin/bothy-oci, cgroups by systemd");
  const Finding bad = judge_podman(refused("runtime \"bothy\" not found"), kInstalled);
  CHECK(bad.status == Status::kFail);
  CHECK(mentions(bad.found, "not found"));
  CHECK(mentions(bad.remedy, "ln -s /usr/share/bothy/containers.conf"));
  const Finding built = judge_podman(refused("none"), kBuilt);
  CHECK(mentions(built.remedy, "bothy = [\"/opt/bothy-oci\"]"));
  CHECK(judge_podman(answered(""), kInstalled).status == Status::kFail);
}

TEST_CASE("A runtime of containerd's is found by its program") {
  const std::string config =
      "version = 2\n"
      "[plugins]\n"
      "  [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes]\n"
      "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
      "      BinaryName = \"\"\n"
      "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.safe.options]\n"
      "      CriuPath = \"\"\n"
      "      BinaryName = \"/usr/bin/bothy-oci\"\n";
  const Finding good = judge_containerd(answered(config), kInstalled);
  CHECK(good.status == Status::kOk);
  CHECK(good.found == "runtime 'safe' is /usr/bin/bothy-oci");
  const Finding bad = judge_containerd(answered("version = 2\nBinaryName = \"bothy\"\n"), kBuilt);
  CHECK(bad.status == Status::kFail);
  CHECK(bad.found == "no runtime is bothy");
  CHECK(mentions(bad.remedy, "BinaryName = \"/opt/bothy-oci\""));
  CHECK(mentions(bad.remedy, ".containerd.runtimes.runc]\n"));
  CHECK(judge_containerd(refused("permission denied"), kInstalled).found == "permission denied");
}

TEST_CASE("containerd must have the runtime that is its default") {
  const std::string config =
      "  [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
      "    default_runtime_name = \"runc\"\n"
      "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.bothy.options]\n"
      "      BinaryName = \"/usr/bin/bothy-oci\"\n";
  const Finding bad = judge_containerd(answered(config), kInstalled);
  CHECK(bad.status == Status::kFail);
  CHECK(mentions(bad.found, "no runtime 'runc', which is its default"));
  CHECK(mentions(bad.remedy, "containerd.runtimes.runc]\n  runtime_type = "));
  const Finding good = judge_containerd(
      answered(config + "  [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"),
      kInstalled);
  CHECK(good.status == Status::kOk);
}

TEST_CASE("A runtime of Docker's is found by its path") {
  const Finding good = judge_docker(
      answered(R"({"runc":{"path":"runc"},"safe":{"path":"/usr/bin/bothy-oci"}})"), kInstalled);
  CHECK(good.status == Status::kOk);
  CHECK(good.found == "runtime 'safe' is /usr/bin/bothy-oci");
  for (const char* output :
       {R"({"runc":{"path":"runc"}})", "null", "", R"({"a":1,"b":{"path":2}})"}) {
    const Finding bad = judge_docker(answered(output), kBuilt);
    CHECK(bad.status == Status::kFail);
    CHECK(mentions(bad.remedy, R"({"runtimes": {"bothy": {"path": "/opt/bothy-oci"}}})"));
  }
  CHECK(mentions(judge_docker(refused("no socket"), kBuilt).found, "no socket"));
}

TEST_CASE("The verdict on engines") {
  const Finding runtime = judge_runtime(kInstalled);
  const Finding good = judge_podman(answered("/usr/bin/bothy-oci\nsystemd\n4.3.1\n"), kInstalled);
  const Finding bad = judge_docker(refused("no socket"), kInstalled);
  CHECK(engines_are_set_up({runtime, good, judge_docker({}, kInstalled)}));
  CHECK_FALSE(engines_are_set_up({runtime, good, bad}));
  CHECK_FALSE(engines_are_set_up({runtime, judge_docker({}, kInstalled)}));
  CHECK(mentions(format_text({runtime, good}, false), "Container engines can use bothy."));
  CHECK(mentions(format_text({good, bad}, false),
                 "Not every container engine can use bothy: docker."));
  CHECK(format_json({good}).starts_with(R"({"engines":true,"findings":[)"));
}

TEST_CASE("A remedy of several lines is indented") {
  const Finding bad{"x", Group::kEngines, Status::kFail, "none", "", "first\nsecond"};
  CHECK(mentions(format_text({bad}, false),
                 "  fail  x  none\n"
                 "           -> first\n"
                 "              second\n"));
}

}  // namespace bothy::doctor
