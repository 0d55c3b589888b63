#include "bench/report/html.h"

#include "tests/support/catch.h"

namespace bothy::bench {
namespace {

bool has(const std::string& page, std::string_view text) {
  return page.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("The page has its tables without a script, and nothing from elsewhere") {
  Results results;
  results.header = {{"run", {{"seed", 7}}}, {"host", {{"class", "bare"}}}};
  results.subjects.push_back({"container", "container", "bothy 1", "bothy run", "", true});
  results.at("startup.end", "container").samples = {{{1e6}, {2e6}, {3e6}}};
  const std::string page = html_report(results);
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(page.ends_with("</html>\n"));
  const auto table = page.find("2.00 ms");
  REQUIRE(table != std::string::npos);
  CHECK(table < page.find("<script"));
  CHECK(has(page, "@observablehq/plot"));  // with its licence
  CHECK(has(page, "Permission to use, copy"));
  for (const char* outside : {"<link", "src=\"http", "@import", "url(http"}) {
    CHECK(!has(page, outside));
  }
}

TEST_CASE("What comes from outside is text, and never markup") {
  Results results;
  results.header = {{"run", {{"seed", 7}}}, {"host", {{"class", "<b>bare"}}}};
  results.subjects.push_back({"</script><i>", "container", "\"&<", "<c>", "<n>", true});
  results.at("startup.end", "</script><i>", {{"</script>", "<x>"}}).samples = {{{1}}};
  results.facts.push_back({"<t>", "<f>", "<s>", "<v>", "<o>"});
  const std::string page = html_report(results);
  for (const char* markup :
       {"<b>bare", "</script><i>", "<c>", "<n>", "<x>", "<t>", "<f>", "<s>", "<v>", "<o>"}) {
    INFO(markup);
    CHECK(!has(page, markup));
  }
}

}  // namespace bothy::bench
