#include "bench/subjects/subject.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::bench {

TEST_CASE("A subject has a place or a network, or says by name that it hasn't") {
  const test::TemporaryDirectory directory;
  Workspace workspace;
  workspace.directory = directory.path();
  workspace.bothy = "/bin/bothy";
  workspace.root = "/root";
  workspace.kernel = "/vmlinux";
  for (const auto& subject : subjects()) {
    INFO(subject->name());
    for (const Place place : {Place::kRoot, Place::kVolume, Place::kDisk}) {
      const auto made = subject->run_writing(workspace, "id", place, {"storage", "keep"});
      if (!made) {
        CHECK(made.error().code == ErrorCode::kUnsupported);
        CHECK(made.error().context.starts_with(std::string(subject->name()) + ": "));
      }
    }
    const auto published = subject->run_networked(workspace, "id", 8080, {"answer", "8080"});
    CHECK((published || published.error().code == ErrorCode::kUnsupported));
    CHECK((!published || !published.value().network.empty()));
  }
}

}  // namespace bothy::bench
