#include "cli/oci/error_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <span>

#include "base/files.h"
#include "base/log.h"
#include "base/utc_time.h"

namespace bothy {

std::string error_record(std::string_view message, bool json) {
  // Bytes of a file name may be no UTF-8: the reader of the JSON would refuse all of it.
  const std::string text = printable(message, message.size());
  const std::string time = utc_now();
  if (json) {
    return boost::json::serialize(
               boost::json::object{{"level", "error"}, {"msg", text}, {"time", time}}) +
           "\n";
  }
  return fmt::format("time=\"{}\" level=error msg={}\n", time,
                     boost::json::serialize(boost::json::string(text)));
}

void report_oci_error(const ErrorLog& log, std::string_view message) {
  const std::string record = error_record(message, log.json);
  if (log.file.empty() && log.json) {
    static_cast<void>(write_all(STDERR_FILENO, std::as_bytes(std::span(record)), "stderr"));
    return;
  }
  if (!log.file.empty()) {
    // A FIFO without a reader must not hold this process.
    if (const auto file = open_file(log.file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0644)) {
      static_cast<void>(write_all(file.value().get(), std::as_bytes(std::span(record)), log.file));
    }
  }
  log_line(LogLevel::kError, message);
}

}  // namespace bothy
