// What a confined child gives up.
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/sanitizers.h"
#include "image/confined/child.h"
#include "sandbox/call_filter.h"
#include "sandbox/capabilities.h"
#include "sandbox/hygiene.h"
#include "sandbox/landlock.h"

namespace bothy::image {
namespace {

using sandbox::AllowedCall;
using sandbox::Landlock;

#ifdef BOTHY_SANITIZED
// Sanitizers reserve terabytes of addresses.
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

constexpr std::uint32_t kExecutable = 4;  // PROT_EXEC

// Reading, writing and memory: all that decompressors and writers need. The clock is one in
// processes of hosts whose clock the vDSO can't read.
constexpr std::array kOnDescriptors{
    AllowedCall{SYS_read},
    AllowedCall{SYS_write},
    AllowedCall{SYS_pwrite64},
    AllowedCall{SYS_pread64},
    AllowedCall{SYS_brk},
    AllowedCall{SYS_mmap, 2, kExecutable},
    AllowedCall{SYS_mprotect, 2, kExecutable},
    AllowedCall{SYS_munmap},
    AllowedCall{SYS_mremap},
    AllowedCall{SYS_madvise},
    AllowedCall{SYS_lseek},
    AllowedCall{SYS_ftruncate},
    AllowedCall{SYS_fallocate},
    AllowedCall{SYS_close},
    AllowedCall{SYS_fstat},
    AllowedCall{SYS_futex},
    AllowedCall{SYS_clock_gettime},
    AllowedCall{SYS_gettimeofday},
    AllowedCall{SYS_getrandom},
    AllowedCall{SYS_sched_yield},
    AllowedCall{SYS_getpid},
    AllowedCall{SYS_restart_syscall},
#ifdef BOTHY_SANITIZED
    AllowedCall{SYS_pipe2},        // UBSan finds out by a pipe what can be read
    AllowedCall{SYS_sigaltstack},  // where a stack ends
#endif
    AllowedCall{SYS_exit},
    AllowedCall{SYS_exit_group},
};

// The C library has its own fstat(2), by newfstatat(2).
constexpr std::array kReading{
    AllowedCall{SYS_newfstatat}, AllowedCall{SYS_openat},    AllowedCall{SYS_getdents64},
    AllowedCall{SYS_readlinkat}, AllowedCall{SYS_listxattr}, AllowedCall{SYS_getxattr},
    AllowedCall{SYS_fcntl},
};

constexpr std::array kWriting{
    AllowedCall{SYS_openat},   AllowedCall{SYS_newfstatat}, AllowedCall{SYS_mkdirat},
    AllowedCall{SYS_linkat},   AllowedCall{SYS_symlinkat},  AllowedCall{SYS_mknodat},
    AllowedCall{SYS_unlinkat}, AllowedCall{SYS_fchownat},   AllowedCall{SYS_fchown},
    AllowedCall{SYS_fchmod},   AllowedCall{SYS_utimensat},  AllowedCall{SYS_fsetxattr},
#ifdef SYS_unlink
    AllowedCall{SYS_unlink},
#endif
#ifdef SYS_mknod
    AllowedCall{SYS_mknod},
#endif
};

std::vector<AllowedCall> calls_of(ConfinedFiles files) {
  std::vector<AllowedCall> calls(kOnDescriptors.begin(), kOnDescriptors.end());
  if (files == ConfinedFiles::kReadTree) {
    calls.insert(calls.end(), kReading.begin(), kReading.end());
  } else if (files == ConfinedFiles::kWriteTree) {
    calls.insert(calls.end(), kWriting.begin(), kWriting.end());
  }
  return calls;
}

Result<void> restrict_paths(const ConfinedWork& work) {
  const bool writes = work.files == ConfinedFiles::kWriteTree;
  // The first ABI denies links from one directory to another, and a tree is made by them. Then the
  // root directory, which is the stage, and the filter have to do.
  if (writes && Landlock::abi() == 1) {
    return success();
  }
  BOTHY_TRY(Landlock landlock, Landlock::make());
  if (!work.directory.empty()) {
    const unsigned changes = Landlock::kWrite | Landlock::kMake | Landlock::kRemove;
    BOTHY_TRY(landlock.allow_path(work.directory,
                                  Landlock::kRead | Landlock::kList | (writes ? changes : 0)));
  }
  if (const char* failed = landlock.restrict_thread(); failed != nullptr) {
    return errno_error(failed);
  }
  return success();
}

Result<void> set_limit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
  rlimit before{};
  ::getrlimit(resource, &before);
  const rlimit limit{std::min(soft, before.rlim_max), std::min(hard, before.rlim_max)};
  if (::setrlimit(resource, &limit) != 0) {
    return errno_error("can't limit an unpacking process");
  }
  return success();
}

// Memory for the largest window of a decompressor (libarchive allows xz 1 GiB), the tree, and what
// the parent has mapped already. Time for a slow decompressor on a slow processor.
Result<void> set_limits(const Limits& limits) {
  constexpr std::uint64_t kBase = 4ULL << 30U;
  constexpr std::uint64_t kPerInode = 1024;
  constexpr std::uint64_t kSeconds = 600;
  constexpr std::uint64_t kBytesPerSecond = 4U << 20U;
  constexpr std::uint64_t kMaxMemory = 1ULL << 40U;
  constexpr rlim_t kMaxFiles = 4096;
  if (kLimitsMemory) {
    const std::uint64_t inodes = std::min(limits.inodes, kMaxMemory / kPerInode);
    const std::uint64_t metadata = std::min(limits.metadata_bytes, kMaxMemory);
    const std::uint64_t memory = kBase + inodes * kPerInode + 4 * metadata;
    BOTHY_TRY(set_limit(RLIMIT_AS, memory, memory));
  }
  const std::uint64_t seconds = kSeconds + limits.archive_bytes / kBytesPerSecond;
  // SIGXCPU, and SIGKILL a second later.
  BOTHY_TRY(set_limit(RLIMIT_CPU, seconds, seconds + 1));
  return set_limit(RLIMIT_NOFILE, kMaxFiles, kMaxFiles);
}

Result<void> require(const char* failed) {
  return failed == nullptr ? success() : Result<void>(errno_error(failed));
}

}  // namespace

Result<void> confine(const ConfinedWork& work) {
  BOTHY_TRY(set_limits(work.limits));
  BOTHY_TRY(require(sandbox::give_up_privileges()));
  BOTHY_TRY(restrict_paths(work));
  BOTHY_TRY(require(sandbox::keep_capabilities(work.capabilities)));
  const sandbox::CallFilter filter(calls_of(work.files));
  return require(filter.install());
}

}  // namespace bothy::image
