// Pulls, through a shell script in skopeo's place.
#include "image/import/pull.h"

#include <sys/stat.h>

#include <cstdlib>
#include <utility>

#include "image/import/skopeo.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/image/image_fixture.h"

using namespace bothy::image;
using namespace bothy::test;

namespace {

class PathVariable {
 public:
  explicit PathVariable(const std::string& path) {
    const char* before = std::getenv("PATH");
    before_ = before != nullptr ? before : "";
    ::setenv("PATH", path.c_str(), 1);
  }
  PathVariable(const PathVariable&) = delete;
  PathVariable& operator=(const PathVariable&) = delete;
  ~PathVariable() { ::setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};

struct Fixture : StoreFixture {
  PathVariable path{directory / "bin" + ":/usr/bin:/bin"};
  LayoutBuilder layout{directory / "layout"};
  ImportOptions options;
  ManualClock clock;

  Fixture() { options.registry_timeout = std::chrono::hours(1); }
  // What `skopeo inspect` does; then what `skopeo copy` does, with the directory to make in $to.
  void skopeo(const std::string& inspect, const std::string& copy = "exit 9") {
    const std::string script =
        "#!/bin/sh\necho \"$*\" >>" + (directory / "calls") +
        "\nfor to; do :; done\nto=${to#oci:}; to=${to%:pulled}\ncase \"$*\" in\n*inspect*) " +
        inspect + ";;\n*copy*) " + copy + ";;\nesac\n";
    ::chmod(directory.write("bin/skopeo", script).c_str(), 0755);
  }
  [[nodiscard]] std::string cat(const std::string& document) const {
    return "cat '" + directory.write("document", document) + "'";
  }
  [[nodiscard]] std::string copy_layout() const { return "cp -r '" + layout.root() + "' \"$to\""; }
  [[nodiscard]] std::string calls() const { return content_of(directory / "calls"); }
  std::string manifest_of(const Descriptor& made) const {
    return content_of(layout.root() + "/blobs/sha256/" + made.digest.hex());
  }
  std::string pull_refusal(const std::string& reference) {
    const auto images = pull_image(store, reference, options, clock);
    REQUIRE_FALSE(images.has_value());
    const std::string& text = images.error().context;
    CHECK(text.starts_with("can't pull '" + reference + "': "));
    CHECK(text.find('\n') == std::string::npos);
    CHECK(files_in(tmp()) == 0);
    return text;
  }
  std::string said(const std::string& message) {
    skopeo("echo 'time=\"2026\" level=fatal msg=\"" + message + "\"' >&2; exit 1");
    return pull_refusal("example.org:5000/x:1");
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a pull copies the manifest that the registry named") {
  Fixture f;
  const Descriptor made = f.layout.add("pulled", {small_layer()});
  f.layout.finish();
  SECTION("a manifest") {
    f.skopeo(f.cat(f.manifest_of(made)), f.copy_layout());
  }
  SECTION("an index") {
    Index index;
    index.manifests = {made};
    index.manifests[0].platform = Platform::host();
    f.skopeo("case \"$*\" in *@sha256:*) " + f.cat(f.manifest_of(made)) + ";; *) cat '" +
                 f.directory.write("index", index.json()) + "';; esac",
             f.copy_layout());
  }
  const auto images = pull_image(f.store, "example.org/x:1", f.options);
  if (!images) {
    FAIL(images.error().context);
  }
  CHECK(images.value().front().names == std::vector<std::string>{"example.org/x:1"});
  CHECK(contains(f.calls(), "copy --quiet docker://example.org/x@" + made.digest.text()));
}

TEST_CASE("skopeo gains no privileges, and has its own variables and descriptors") {
  Fixture f;
  const Descriptor made = f.layout.add("pulled", {small_layer()});
  f.layout.finish();
  const std::string seen = f.directory / "seen";
  ::setenv("BOTHY_TEST_SECRET", "secret", 1);
  ::setenv("https_proxy", "proxy", 1);
  f.skopeo("{ grep NoNewPrivs /proc/self/status; ulimit -Hc; env; ls /proc/self/fd; } >'" + seen +
               "'; " + f.cat(f.manifest_of(made)),
           f.copy_layout());
  REQUIRE(pull_image(f.store, "example.org/x:1", f.options).has_value());
  ::unsetenv("BOTHY_TEST_SECRET");
  ::unsetenv("https_proxy");
  const std::string said = content_of(seen);
  CHECK(contains(said, "NoNewPrivs:\t1\n0\n"));
  CHECK(contains(said, "https_proxy=proxy\n"));
  CHECK(contains(said, "TMPDIR=" + f.tmp()));
  CHECK_FALSE(contains(said, "secret"));
  CHECK(said.ends_with("\n0\n1\n2\n3\n"));  // 3: the directory that ls reads
}

TEST_CASE("a manifest that promises too much is refused before anything is copied") {
  Fixture f;
  Manifest manifest;
  manifest.config = {std::string(kConfigType), digest_of("config"), 100, {}, {}};
  manifest.layers = {{std::string(kLayerType), digest_of("a"), 600, {}, {}},
                     {std::string(kLayerType), digest_of("b"), 600, {}, {}}};
  f.options.limits.download_bytes = 1000;
  f.skopeo(f.cat(manifest.json()), f.copy_layout());
  CHECK(
      contains(f.pull_refusal("x"),
               "the image exceeds the limit of 1000 bytes to download (raise it with --max-size"));
  CHECK_FALSE(contains(f.calls(), "copy"));
  SECTION("one for another platform too") {
    Index index;
    index.manifests = {
        {std::string(kManifestType), digest_of("x"), 10, Platform{"plan9", "vax", ""}, {}}};
    f.skopeo(f.cat(index.json()), f.copy_layout());
    CHECK(contains(f.pull_refusal("x"), "plan9/vax"));
    CHECK_FALSE(contains(f.calls(), "copy"));
  }
}

TEST_CASE("a copy that grows over the limit is ended") {
  Fixture f;
  const Descriptor made = f.layout.add("pulled", {small_layer()});
  f.options.limits.download_bytes = 100'000;
  std::string copy;
  SECTION("in many files, by a skopeo that never ends") {
    copy =
        "mkdir -p \"$to/blobs/sha256\"; for i in 1 2 3; do head -c 40000 /dev/zero "
        ">\"$to/blobs/sha256/$i\"; done; exec sleep 1000000";
  }
  SECTION("in one file") {
    copy = "mkdir -p \"$to\"; cat /dev/zero >\"$to/blob\"";
  }
  SECTION("quickly") {
    copy =
        "mkdir -p \"$to\"; head -c 60000 /dev/zero >\"$to/a\"; head -c 60000 /dev/zero "
        ">\"$to/b\"";
  }
  f.skopeo(f.cat(f.manifest_of(made)), copy);
  CHECK(contains(f.pull_refusal("x"), "limit of 100000 bytes to download"));
}

TEST_CASE("a registry that doesn't answer is given up") {
  Fixture f;
  f.options.registry_timeout = std::chrono::milliseconds(1500);
  f.skopeo("exec sleep 1000000");
  const std::string text = f.pull_refusal("example.org:5000/x");
  CHECK(contains(text, "can't reach registry 'example.org:5000': no answer within 1.5 s (check"));
}

TEST_CASE("a registry that stops in the middle of a copy is given up") {
  Fixture f;
  const Descriptor made = f.layout.add("pulled", {small_layer()});
  f.skopeo(f.cat(f.manifest_of(made)),
           "mkdir -p \"$to\"; echo some >\"$to/blob\"; exec sleep 1000000");
  std::chrono::seconds silence{0};
  f.options.progress = [&](std::string_view, std::uint64_t done, std::uint64_t) {
    if (done > 0) {
      f.clock.advance(std::chrono::seconds(20));
      silence += std::chrono::seconds(20);
    }
  };
  CHECK(contains(f.pull_refusal("example.org:5000/x"),
                 "registry 'example.org:5000' has sent nothing for 60 s (check the network"));
  CHECK(silence >= kStallTimeout);
}

TEST_CASE("a slow copy isn't given up while it makes progress") {
  Fixture f;
  const Descriptor made = f.layout.add("pulled", {small_layer()});
  f.layout.finish();
  // Each step waits until the one before was seen.
  const std::string seen = f.directory / "seen";
  f.skopeo(f.cat(f.manifest_of(made)),
           "mkdir -p \"$to\"; for i in 1 2; do echo step >>\"$to/blob\"; "
           "until [ -e '" +
               seen + "'$i ]; do sleep 0.01; done; done; rm -r \"$to\"; " + f.copy_layout());
  std::uint64_t before = 0;
  int steps = 0;
  f.options.progress = [&](std::string_view, std::uint64_t done, std::uint64_t) {
    if (steps < 2 && done != std::exchange(before, done)) {
      f.clock.advance(kStallTimeout - std::chrono::seconds(1));
      f.directory.write("seen" + std::to_string(++steps), "");
    }
  };
  const auto images = pull_image(f.store, "example.org/x:1", f.options, f.clock);
  if (!images) {
    FAIL(images.error().context);
  }
  CHECK(steps == 2);
}

TEST_CASE("skopeo's messages become a short line") {
  Fixture f;
  const std::string start =
      "Error parsing image name \\\"docker://example.org:5000/x:1\\\": pinging container registry "
      "example.org:5000: Get \\\"https://example.org:5000/v2/\\\": ";
  const std::string reach = "can't reach registry 'example.org:5000': ";
  CHECK(contains(f.said(start + "dial tcp 10.0.0.1:5000: connect: connection refused"),
                 reach + "connection refused (check"));
  CHECK(contains(f.said(start + "dial tcp: lookup example.org on 10.0.0.1:53: no such host"),
                 reach + "no such host (check"));
  CHECK(contains(f.said(start + "x509: certificate signed by unknown authority"),
                 reach + "x509: certificate signed by unknown authority"));
  CHECK(contains(f.said("reading manifest 1 in example.org:5000/x: manifest unknown"),
                 "registry 'example.org:5000' has no such image (manifest unknown)"));
  CHECK(contains(f.said("reading manifest: unauthorized: authentication required"),
                 "(authentication required): check the name, or run 'skopeo login "
                 "example.org:5000'"));
  CHECK(contains(f.said("anything else"), "skopeo: anything else"));
  f.skopeo("exit 1");
  CHECK(contains(f.pull_refusal("x"), "skopeo failed without a message"));
}

TEST_CASE("a local transport is copied without asking a registry, and may be silent for long") {
  Fixture f;
  f.layout.add("pulled", {small_layer()});
  f.layout.finish();
  const std::string seen = f.directory / "seen";
  f.skopeo("exit 1", "until [ -e '" + seen + "' ]; do sleep 0.01; done; " + f.copy_layout());
  f.options.name = "mine";
  int ticks = 0;
  f.options.progress = [&](std::string_view, std::uint64_t, std::uint64_t) {
    f.clock.advance(kStallTimeout);
    if (++ticks == 2) {
      f.directory.write("seen", "");
    }
  };
  const auto images = pull_image(f.store, "docker-daemon:x:1", f.options, f.clock);
  if (!images) {
    FAIL(images.error().context);
  }
  CHECK(contains(f.calls(), "copy --quiet docker-daemon:x:1"));
  CHECK_FALSE(contains(f.calls(), "inspect"));
}

TEST_CASE("a missing skopeo is named, with its package") {
  Fixture f;
  const PathVariable none("/nonexistent");
  CHECK(contains(f.pull_refusal("x"), "install the package skopeo"));
}
