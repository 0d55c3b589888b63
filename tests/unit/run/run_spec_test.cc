#include "run/run_spec.h"

#include <csignal>

#include "tests/support/catch.h"

namespace bothy::run {
namespace {

using Texts = std::vector<std::string>;

image::ImageConfig image_config() {
  image::ImageConfig image;
  image.entrypoint = {"/entry"};
  image.command = {"a", "b"};
  image.environment = {"PATH=/image", "A=1"};
  image.working_directory = "/work";
  image.user = "alice";
  return image;
}

}  // namespace

TEST_CASE("The image's entrypoint and command run unless the options replace them") {
  const image::ImageConfig image = image_config();
  RunOptions options;
  CHECK(first_process(options, image).value().arguments == Texts{"/entry", "a", "b"});
  options.arguments = {"x"};
  CHECK(first_process(options, image).value().arguments == Texts{"/entry", "x"});
  options.entrypoint = "";
  CHECK(first_process(options, image).value().arguments == Texts{"x"});
  options.entrypoint = "/other";
  CHECK(first_process(options, image).value().arguments == Texts{"/other", "x"});
  options.arguments.clear();
  CHECK(first_process(options, image).value().arguments == Texts{"/other"});
  options.entrypoint = "";
  CHECK(first_process(options, image).error().code == ErrorCode::kInvalid);
}

TEST_CASE("Options override the image, variable by variable") {
  RunOptions options;
  options.process.environment = {"A=2", "B=3", "A=4"};
  options.hostname = "box";
  const ProcessSpec process = first_process(options, image_config()).value();
  CHECK(process.environment == Texts{"PATH=/image", "B=3", "A=4", "HOSTNAME=box"});
  CHECK(process.directory == "/work");
  CHECK(process.user == "alice");
  options.process.directory = "/elsewhere";
  options.process.user = "1:2";
  const ProcessSpec other = first_process(options, image_config()).value();
  CHECK(other.directory == "/elsewhere");
  CHECK(other.user == "1:2");
}

TEST_CASE("PATH, and TERM with a terminal, have defaults") {
  RunOptions options;
  options.arguments = {"sh"};
  options.process.terminal = true;
  const auto environment = first_process(options, {}).value().environment;
  REQUIRE(environment.size() == 2);
  CHECK(environment[0].starts_with("PATH=/usr/local/sbin:"));
  CHECK(environment[1] == "TERM=xterm");
}

TEST_CASE("A variable without a name, and a directory that isn't absolute, are refused") {
  RunOptions options;
  options.arguments = {"sh"};
  SECTION("no name") {
    options.process.environment = {"=x"};
  }
  SECTION("no value") {
    options.process.environment = {"x"};
  }
  SECTION("relative") {
    options.process.directory = "work";
  }
  CHECK(first_process(options, {}).error().code == ErrorCode::kInvalid);
}

TEST_CASE("A further process has the first one's settings unless options replace them") {
  RunOptions options;
  const ProcessSpec first = first_process(options, image_config()).value();
  ProcessOptions more;
  more.environment = {"A=5"};
  const ProcessSpec next = further_process(first, more, {"ps"}).value();
  CHECK(next.arguments == Texts{"ps"});
  CHECK(next.environment == Texts{"PATH=/image", "A=5"});
  CHECK(next.user == "alice");
  CHECK(further_process(first, more, {}).has_error());
}

TEST_CASE("Signals are found by name and by number") {
  CHECK(signal_number("TERM").value() == SIGTERM);
  CHECK(signal_number("SIGKILL").value() == SIGKILL);
  CHECK(signal_number("sigterm").value() == SIGTERM);
  CHECK(signal_number("10").value() == 10);
  CHECK(signal_number("RTMIN").value() == 34);
  CHECK(signal_number("SIGRTMIN+3").value() == 37);
  CHECK(signal_number("rtmax-30").value() == 34);
  CHECK(signal_number("SIGRTMAX").value() == 64);
  for (const char* text : {"", "0", "65", "SIG", "SIGSIGTERM", "9x", "-1", "RTMIN-1", "RTMIN+",
                           "RTMIN+31", "RTMAX+1", "RTMIN+-3", "99999999999", "SIG9"}) {
    INFO(text);
    CHECK(signal_number(text).has_error());
  }
}

}  // namespace bothy::run
