#include "run/container/etc_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>

#include "base/files.h"
#include "run/user_network.h"

namespace bothy::run {
namespace {

constexpr std::string_view kHostResolvConf = "/etc/resolv.conf";
constexpr std::uint64_t kMaxResolvConf = 64U << 10U;

Result<void> write_file(const std::string& path, const std::string& text, std::int64_t user,
                        std::int64_t group) {
  BOTHY_TRY(const UniqueFd file, open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
  BOTHY_TRY(write_all(file.get(), std::as_bytes(std::span(text)), path));
  // Whatever the caller's umask is.
  if (::fchmod(file.get(), 0644) != 0 ||
      (user >= 0 &&
       ::fchown(file.get(), static_cast<uid_t>(user), static_cast<gid_t>(group)) != 0)) {
    return errno_error("can't set the owner of '" + path + "'");
  }
  return success();
}

std::string resolv_conf(const RunOptions& options) {
  const std::string text = resolv_conf_file(options);
  const bool uses_host_network =
      options.network == Network::kHost || options.network == Network::kNamespace;
  if (!text.empty() || !uses_host_network) {
    return text;
  }
  const auto host = read_file(std::string(kHostResolvConf), kMaxResolvConf);
  return host ? host.value() : std::string();
}

}  // namespace

Result<EtcFiles> write_etc_files(const std::string& directory, const RunOptions& options,
                                 std::int64_t user, std::int64_t group) {
  BOTHY_TRY(write_file(directory + "/hosts", hosts_file(options), user, group));
  BOTHY_TRY(write_file(directory + "/hostname", options.hostname + "\n", user, group));
  const std::string servers = resolv_conf(options);
  if (!servers.empty()) {
    BOTHY_TRY(write_file(directory + "/resolv.conf", servers, user, group));
  }
  return EtcFiles{directory, !servers.empty()};
}

}  // namespace bothy::run
