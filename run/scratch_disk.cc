#include "run/scratch_disk.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "base/files.h"
#include "base/process.h"
#include "sandbox/landlock.h"
#include "sandbox/program_paths.h"

namespace bothy::run {

std::string scratch_disk_path(const Instance& instance) {
  return instance.data_directory() + "/scratch";
}

Result<void> make_scratch_disk(const std::string& path, std::uint64_t size) {
  {
    BOTHY_TRY(const UniqueFd fd, open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
      return errno_error(fmt::format("can't make a scratch disk of {} bytes", size));
    }
  }
  // The file, and what a program needs to run at all.
  BOTHY_TRY(sandbox::Landlock landlock, sandbox::Landlock::make());
  BOTHY_TRY(sandbox::allow_programs(landlock));
  BOTHY_TRY(landlock.allow_path(path, sandbox::Landlock::kRead | sandbox::Landlock::kWrite));
  bothy::ProcessOptions mke2fs;
  mke2fs.arguments = {"mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", path};
  mke2fs.environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin"};
  mke2fs.captured = {STDERR_FILENO};
  mke2fs.least_privileges = true;
  mke2fs.death_signal = SIGKILL;
  mke2fs.before_exec = [&landlock, size]() -> const char* {
    const rlimit limit{size, size};
    return ::setrlimit(RLIMIT_FSIZE, &limit) == 0 ? landlock.restrict_thread()
                                                  : "limit the size of files";
  };
  // Debian installs mke2fs in a directory that isn't in a user's PATH.
  mke2fs.program = exists("/usr/sbin/mke2fs") ? "/usr/sbin/mke2fs" : "/sbin/mke2fs";
  auto started = Process::start(mke2fs);
  if (!started && started.error().code == ErrorCode::kNotFound) {
    return make_error(ErrorCode::kUnsupported,
                      "--storage needs mke2fs, which isn't installed: 'apt install e2fsprogs'");
  }
  BOTHY_TRY(Process process, std::move(started));
  process.read_output({});
  if (const ProcessEnd end = process.wait(); !end.succeeded()) {
    return make_error(ErrorCode::kSystem, "can't make the scratch disk '{}': mke2fs: {} {}", path,
                      end.describe(), printable(process.output()));
  }
  return success();
}

}  // namespace bothy::run
