#include "cli/reference/man_page.h"

#include "tests/support/catch.h"
#include "tests/unit/cli/reference/sample.h"

namespace bothy::reference {
namespace {

TEST_CASE("text is shown as it is written", "[reference]") {
  CHECK(roff("plain") == "plain");
  CHECK(roff("--env-file") == "\\-\\-env\\-file");
  CHECK(roff(".git") == "\\&.git");
  CHECK(roff("a.b") == "a.b");
  CHECK(roff("'it''s'") == "\\(aqit\\(aq\\(aqs\\(aq");
  CHECK(roff("a\\b \"`^~") == "a\\eb \\(dq\\(ga\\(ha\\(ti");
}

TEST_CASE("a page of everything that a command has", "[reference]") {
  CHECK(man_page(sample(), "bothy", "1.2") == R"(.TH BOTHY\-BOX 1 "" "bothy 1.2" "bothy"
.SH NAME
bothy\-box \- Put things into boxes
.SH SYNOPSIS
\fBbothy box\fR [OPTIONS] DIR [COMMAND]
.SH DESCRIPTION
Put things into boxes.
.PP
A note in two lines.
.SH ARGUMENTS
.TP
\fIDIR\fR
Where: \(aq.\(aq is here
.SH OPTIONS
.TP
\fB\-h\fR, \fB\-\-help\fR
Print this
.SS Limits
.TP
\fB\-s\fR, \fB\-\-size\fR \fISIZE\fR
Size [K:M]
.TP
\fB\-\-way\fR \fIHOW\fR
The way; one of up, down
.SH COMMANDS
.TP
\fBbothy\-box\-open\fR(1)
Open a box
.SH EXIT STATUS
0, or 1.
.SH EXAMPLES
.nf
bothy box .
bothy box \-s 1
.fi
.SH SEE ALSO
\fBbothy\fR(1)
)");
}

TEST_CASE("a page of a command that has nothing but its name", "[reference]") {
  Command command;
  command.name = "bothy";
  command.aliases = {"b"};
  command.summary = "Do it";
  CHECK(man_page(command, "", "1") == R"(.TH BOTHY 1 "" "bothy 1" "bothy"
.SH NAME
bothy \- Do it
.SH SYNOPSIS
\fBbothy\fR
.br
\fBb\fR
.SH DESCRIPTION
Do it.
)");
}

TEST_CASE("no line of a paragraph is long or begins with a request", "[reference]") {
  Command command;
  command.name = "bothy";
  for (int i = 0; i < 100; ++i) {
    command.summary += "word .request ";
  }
  const std::string page = man_page(command, "", "1");
  for (std::size_t start = page.find(".SH DESCRIPTION\n") + 16; start < page.size();) {
    const std::size_t end = page.find('\n', start);
    CHECK(end - start <= 80);
    CHECK(page[start] != '.');
    start = end + 1;
  }
}

}  // namespace
}  // namespace bothy::reference
