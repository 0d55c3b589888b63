#include "sandbox/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/files.h"

namespace bothy::sandbox {
namespace {

// Of <linux/landlock.h>, declared here since the header of the oldest supported system has ABI 2.
struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
};
constexpr int kRulePathBeneath = 1;
constexpr unsigned kAskVersion = 1;
constexpr unsigned kAskErrata = 2;
constexpr long kErratumSignals = 1U << 1U;  // the second

constexpr std::uint64_t kFsExecute = 1U << 0U;
constexpr std::uint64_t kFsWriteFile = 1U << 1U;
constexpr std::uint64_t kFsReadFile = 1U << 2U;
constexpr std::uint64_t kFsReadDir = 1U << 3U;
constexpr std::uint64_t kFsRemoveDir = 1U << 4U;
constexpr std::uint64_t kFsRemoveFile = 1U << 5U;
constexpr std::uint64_t kFsMakeDir = 1U << 7U;
constexpr std::uint64_t kFsMakeRegular = 1U << 8U;
constexpr std::uint64_t kFsMakeSocket = 1U << 9U;
constexpr std::uint64_t kFsMakeFifo = 1U << 10U;
constexpr std::uint64_t kFsMakeSymlink = 1U << 12U;
constexpr std::uint64_t kFsRefer = 1U << 13U;
constexpr std::uint64_t kFsTruncate = 1U << 14U;
constexpr std::uint64_t kFsIoctlDevice = 1U << 15U;
constexpr std::uint64_t kFsResolveUnix = 1U << 16U;
constexpr std::uint64_t kNetTcp = 3;        // bind and connect
constexpr std::uint64_t kScopeSockets = 1;  // abstract ones
constexpr std::uint64_t kScopeSignals = 2;

// Rights that a rule for something else than a directory may have.
constexpr std::uint64_t kOfFiles =
    kFsExecute | kFsWriteFile | kFsReadFile | kFsTruncate | kFsIoctlDevice | kFsResolveUnix;

// All rights of the first ABI are the first 13 bits.
std::uint64_t handled_by(int abi) noexcept {
  std::uint64_t handled = (1U << 13U) - 1;
  handled |= abi >= 2 ? kFsRefer : 0;
  handled |= abi >= 3 ? kFsTruncate : 0;
  handled |= abi >= 5 ? kFsIoctlDevice : 0;
  handled |= abi >= 9 ? kFsResolveUnix : 0;
  return handled;
}

std::uint64_t rights_of(unsigned access) noexcept {
  struct Meaning {
    unsigned access;
    std::uint64_t rights;
  };
  constexpr std::array<Meaning, 11> kMeanings{{
      {Landlock::kRead, kFsReadFile},
      {Landlock::kList, kFsReadDir},
      {Landlock::kWrite, kFsWriteFile | kFsTruncate},
      {Landlock::kExecute, kFsExecute},
      {Landlock::kMake, kFsMakeDir | kFsMakeRegular | kFsMakeFifo | kFsMakeSymlink | kFsRefer},
      {Landlock::kRemove, kFsRemoveDir | kFsRemoveFile | kFsRefer},
      {Landlock::kDevice, kFsIoctlDevice},
      {Landlock::kConnect, kFsResolveUnix},
      {Landlock::kMakeSocket, kFsMakeSocket},
      {Landlock::kRemoveFile, kFsRemoveFile},
      {Landlock::kRemoveDirectory, kFsRemoveDir},
  }};
  std::uint64_t rights = 0;
  for (const Meaning& each : kMeanings) {
    rights |= (access & each.access) != 0 ? each.rights : 0;
  }
  return rights;
}

}  // namespace

int Landlock::abi() noexcept {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  return version < 0 ? 0 : static_cast<int>(version);
}

bool Landlock::signals_among_threads() noexcept {
  const long fixed = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskErrata);
  return fixed > 0 && (fixed & kErratumSignals) != 0;
}

Result<Landlock> Landlock::make(Scope scope) {
  Landlock made;
  const int version = abi();
  if (version == 0) {
    return made;
  }
  made.handled_ = handled_by(version);
  RulesetAttributes attributes{made.handled_, 0, 0};
  attributes.handled_access_net = version >= 4 && scope.tcp ? kNetTcp : 0;
  if (version >= 6 && scope.processes) {
    attributes.scoped =
        kScopeSockets | (scope.threads && !signals_among_threads() ? 0 : kScopeSignals);
  }
  // A kernel accepts members that it doesn't know when they are 0.
  made.ruleset_.reset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0)));
  if (!made.ruleset_) {
    return errno_error("can't make a Landlock ruleset");
  }
  return made;
}

Result<void> Landlock::allow(int fd, unsigned access, const std::string& name) {
  if (!active()) {
    return success();
  }
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return errno_error("can't read the status of " + printable(name));
  }
  std::uint64_t rights = rights_of(access) & handled_;
  rights &= S_ISDIR(status.st_mode) ? ~std::uint64_t{0} : kOfFiles;
  const PathBeneath rule{rights, fd};
  if (rights != 0 &&
      ::syscall(SYS_landlock_add_rule, ruleset_.get(), kRulePathBeneath, &rule, 0) != 0) {
    return errno_error("can't allow access to " + printable(name) + " in a Landlock ruleset");
  }
  return success();
}

Result<void> Landlock::allow_path(const std::string& path, unsigned access) {
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd) {
    return errno == ENOENT ? success() : Result<void>(errno_error("can't open " + printable(path)));
  }
  return allow(fd.get(), access, path);
}

const char* Landlock::restrict_thread() const noexcept {
  if (active() && ::syscall(SYS_landlock_restrict_self, ruleset_.get(), 0) != 0) {
    return "can't confine a process by Landlock";
  }
  return nullptr;
}

}  // namespace bothy::sandbox
