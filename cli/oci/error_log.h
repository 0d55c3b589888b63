// Where the verbs of the OCI runtime interface say what failed: on stderr, and in the file that the
// caller reads.
#pragma once

#include <string>
#include <string_view>

namespace bothy {

struct ErrorLog {
  std::string file;  // --log; empty: stderr alone
  bool json = false;
};

// As runc and crun write it, and as engines read it: one object a line with level, msg and time
// (RFC 3339), or the same members as text.
[[nodiscard]] std::string error_record(std::string_view message, bool json);

// Appends one record to the file, and says the message on stderr; without a file the record itself
// goes there if it is JSON. A file that can't be written is left out.
void report_oci_error(const ErrorLog& log, std::string_view message);

}  // namespace bothy
