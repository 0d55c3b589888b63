#include "oci/seccomp_listener.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <span>

#include "base/files.h"
#include "base/send_descriptors.h"
#include "base/unix_listener.h"
#include "container/launcher.h"

namespace bothy::oci {

Result<void> hand_over_listener(const container::SeccompListener& where, const Record& record,
                                Status status, pid_t pid, const UniqueFd& listener, int reports) {
  const auto socket = connect_unix(where.path);
  if (!socket) {
    return make_error(ErrorCode::kNotFound, "failed to connect with seccomp agent: {}",
                      socket.error().context);
  }
  const boost::json::object state{{"ociVersion", record.version},
                                  {"fds", boost::json::array{"seccompFd"}},
                                  {"pid", pid},
                                  {"metadata", where.metadata},
                                  {"state", state_object(record, status)}};
  const int descriptor = listener.get();
  if (!send_descriptors(socket.value().get(), std::span(&descriptor, 1),
                        boost::json::serialize(state))) {
    return errno_error(
        fmt::format("can't send the seccomp listener to '{}'", printable(where.path)));
  }
  return container::answer_pause(reports);
}

}  // namespace bothy::oci
