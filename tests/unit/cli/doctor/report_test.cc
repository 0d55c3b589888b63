#include "cli/doctor/report.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/support/catch.h"

namespace bothy::doctor {
namespace {

Findings good_host() {
  return {
      {"kvm-device", Group::kMicrovms, Status::kOk, "/dev/kvm opens", "it may", ""},
      {"tun", Group::kMicrovms, Status::kWarn, "no tun", "no tap", "sudo modprobe tun"},
      {"cgroups", Group::kContainers, Status::kFail, "none", "no limits", "mount them"},
      {"passt", Group::kHelpers, Status::kInfo, "/usr/bin/passt", "", ""},
  };
}

}  // namespace

TEST_CASE("Text is grouped and aligned, and ends with the verdict") {
  CHECK(format_text(good_host(), false) ==
        "microVMs\n"
        "  ok    kvm-device  /dev/kvm opens\n"
        "                    it may\n"
        "  warn  tun         no tun\n"
        "                    no tap\n"
        "                    -> sudo modprobe tun\n"
        "\n"
        "Containers\n"
        "  fail  cgroups     none\n"
        "                    no limits\n"
        "                    -> mount them\n"
        "\n"
        "Helper programs\n"
        "  info  passt       /usr/bin/passt\n"
        "\n"
        "microVMs can run on this host.\n");
}

TEST_CASE("Colour changes nothing but the colour") {
  std::string coloured = format_text(good_host(), true);
  CHECK(coloured.find("\x1b[32mok  \x1b[0m  kvm-device") != std::string::npos);
  for (auto at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b')) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  CHECK(coloured == format_text(good_host(), false));
  CHECK(format_text(good_host(), false).find('\x1b') == std::string::npos);
}

TEST_CASE("Only what microVMs need decides whether they run") {
  Findings findings = good_host();
  CHECK(microvms_can_run(findings));
  findings.push_back({"guest-execution", Group::kMicrovms, Status::kFail, "slow", "", ""});
  CHECK_FALSE(microvms_can_run(findings));
  CHECK(format_text(findings, false)
            .ends_with("microVMs can't run on this host: guest-execution.\n"));
}

TEST_CASE("The JSON report is complete and escapes any bytes") {
  Findings findings = good_host();
  findings[0].found = "a \"quoted\"\npath\\ \x01";
  const std::string text = format_json(findings);
  CHECK(text.ends_with("}\n"));
  CHECK(text.find('\n') == text.size() - 1);
  const boost::json::value parsed = boost::json::parse(text);
  CHECK(parsed.at("microvms").as_bool());
  REQUIRE(parsed.at("findings").as_array().size() == 4);
  const auto& first = parsed.at("findings").at(0);
  CHECK(first.at("id").as_string() == "kvm-device");
  CHECK(first.at("group").as_string() == "microvms");
  CHECK(first.at("status").as_string() == "ok");
  CHECK(first.at("found").as_string() == "a \"quoted\"\npath\\ \x01");
  CHECK(first.at("meaning").as_string() == "it may");
  CHECK(first.at("remedy").as_string().empty());
  CHECK(parsed.at("findings").at(2).at("group").as_string() == "containers");
  CHECK(parsed.at("findings").at(3).at("status").as_string() == "info");
}

}  // namespace bothy::doctor
