#include "run/copy_plan.h"

#include "tests/support/catch.h"

namespace bothy::run {
namespace {

std::string planned(std::string_view source, bool directory, std::string_view destination,
                    Found found) {
  const auto target = plan_copy(source, directory, destination, found);
  return target ? target.value().directory + " " + target.value().name
         : target.error().code == ErrorCode::kNotFound ? "not found"
                                                       : "refused";
}

}  // namespace

TEST_CASE("An argument of cp is INSTANCE:PATH, PATH or -") {
  const auto guest = parse_copy_end("web:etc/hosts").value();
  CHECK(guest.instance == "web");
  CHECK(guest.path == "/etc/hosts");
  CHECK(parse_copy_end("web:/a:b").value().path == "/a:b");
  CHECK(parse_copy_end("-").value().is_stream());
  CHECK_FALSE(parse_copy_end("web:-").value().is_stream());
  for (const char* text : {"file", "/a:b", "./a:b", "../a:b"}) {
    INFO(text);
    CHECK(parse_copy_end(text).value().instance.empty());
    CHECK(parse_copy_end(text).value().path == text);
  }
  for (const char* text : {"", ":", ":/x", "web:"}) {
    INFO(text);
    CHECK(parse_copy_end(text).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("A file is copied into a directory, over a file, or to a new path") {
  CHECK(planned("a/file", false, "/tmp", Found::kDirectory) == "/tmp file");
  CHECK(planned("a/file", false, "/tmp/other", Found::kOther) == "/tmp other");
  CHECK(planned("a/file", false, "/tmp/new", Found::kNothing) == "/tmp new");
  CHECK(planned("a/file", false, "new", Found::kNothing) == ". new");
  CHECK(planned("a/file", false, "/new", Found::kNothing) == "/ new");
  CHECK(planned("a/file", false, "/tmp/new/", Found::kNothing) == "not found");
  CHECK(planned("a/file", false, "/tmp/new/.", Found::kNothing) == "not found");
}

TEST_CASE("A directory is copied into a directory or to a new path, its content alone with /.") {
  CHECK(planned("a/tree", true, "/tmp", Found::kDirectory) == "/tmp tree");
  CHECK(planned("a/tree//", true, "/tmp", Found::kDirectory) == "/tmp tree");
  CHECK(planned("a/tree/.", true, "/tmp", Found::kDirectory) == "/tmp ");
  CHECK(planned("/", true, "/tmp", Found::kDirectory) == "/tmp ");
  CHECK(planned("..", true, "/tmp", Found::kDirectory) == "/tmp ");
  CHECK(planned("a/tree", true, "/tmp/new", Found::kNothing) == "/tmp new");
  CHECK(planned("a/tree/.", true, "/tmp/new/", Found::kNothing) == "/tmp new");
  CHECK(planned("a/tree", true, "/tmp/file", Found::kOther) == "refused");
}

}  // namespace bothy::run
