#include "run/start.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/files.h"
#include "base/socket_pair.h"
#include "image/import/disk_builder.h"
#include "run/find_image.h"
#include "run/guest_config.h"
#include "run/owner.h"
#include "run/run_spec.h"

namespace bothy::run {
namespace {

Settings settings_of(const RunOptions& options, const image::Image& image,
                     const image::ImageConfig& config, const ProcessSpec& process) {
  Settings settings;
  settings.name = options.name;
  settings.isolation = options.isolation;
  settings.image = options.image;
  settings.digest = image.manifest.digest.text();
  settings.command = process.arguments;
  settings.labels = config.labels;
  for (const auto& [key, value] : options.labels) {
    settings.labels[key] = value;
  }
  for (const PublishedPort& port : options.ports) {
    settings.ports.push_back(fmt::format("{}{}{}->{}/{}", port.address,
                                         port.address.empty() ? "" : ":", port.host, port.guest,
                                         port.udp ? "udp" : "tcp"));
  }
  settings.stop_signal = !options.stop_signal.empty()  ? options.stop_signal
                         : !config.stop_signal.empty() ? config.stop_signal
                                                       : "SIGTERM";
  settings.stop_timeout = options.stop_timeout;
  settings.created = static_cast<std::int64_t>(std::time(nullptr));
  settings.remove_at_end = options.remove;
  settings.terminal = options.process.terminal;
  return settings;
}

// A sparse file with an empty ext4 in it.
Result<void> make_scratch(const std::string& path, std::uint64_t size, const sigset_t& signals) {
  {
    BOTHY_TRY(const UniqueFd fd, open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
      return errno_error("can't make a scratch disk of this size");
    }
  }
  std::array<std::string, 7> words{"mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal"};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 2);
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  std::string file = path;
  arguments.push_back(file.data());
  arguments.push_back(nullptr);
  // Debian has it where a user's PATH needn't go.
  std::string environment = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
  std::array<char*, 2> variables{environment.data(), nullptr};
  posix_spawnattr_t attributes{};
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  int failure = ENOENT;
  for (const char* program : {"/usr/sbin/mke2fs", "/sbin/mke2fs"}) {
    if (failure != 0) {
      failure =
          ::posix_spawn(&child, program, nullptr, &attributes, arguments.data(), variables.data());
    }
  }
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    return make_error(ErrorCode::kUnsupported,
                      "mke2fs isn't installed, which --storage needs: 'apt install e2fsprogs'");
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) {
    return make_error(ErrorCode::kSystem, "mke2fs can't make a scratch disk at {}", path);
  }
  return success();
}

// What was made for a start that came to nothing.
class RemoveUnlessKept {
 public:
  RemoveUnlessKept(const Instances& instances, Instance instance)
      : instances_(instances), instance_(std::move(instance)) {}
  RemoveUnlessKept(const RemoveUnlessKept&) = delete;
  RemoveUnlessKept& operator=(const RemoveUnlessKept&) = delete;
  ~RemoveUnlessKept() {
    if (instance_) {
      static_cast<void>(instances_.remove(*instance_));
    }
  }
  void keep() noexcept { instance_.reset(); }

 private:
  const Instances& instances_;
  std::optional<Instance> instance_;
};

// The owner works in "/", so what it opens later is named in full.
void name_in_full(std::string& path) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(path, error);
  if (!error) {
    path = whole;
  }
}

void name_variable_in_full(const char* variable) {
  const char* value = std::getenv(variable);
  if (value != nullptr && *value != '\0') {
    std::string path = value;
    name_in_full(path);
    ::setenv(variable, path.c_str(), 1);
  }
}

// Whoever waits for the end of a pipe, or for a lock, of the caller's isn't to wait for the
// instance. All of ours are close-on-exec.
void close_callers_files() {
  const auto numbers = list_directory("/proc/self/fd");
  for (const std::string& text : numbers ? numbers.value() : std::vector<std::string>()) {
    const int fd = std::atoi(text.c_str());
    const int flags = ::fcntl(fd, F_GETFD);
    if (fd > STDERR_FILENO && flags >= 0 && (flags & FD_CLOEXEC) == 0) {
      ::close(fd);
    }
  }
}

// In the child: nothing of the caller's is left but what `run` holds. What it logs goes to
// `messages`.
[[noreturn]] void become_owner(OwnedRun run, const UniqueFd& messages, HeldSignals held) {
  ::setsid();
  for (const int signal : {SIGINT, SIGHUP, SIGQUIT, SIGTSTP}) {
    std::signal(signal, SIG_IGN);
  }
  held.release();
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(nothing.get(), STDIN_FILENO);
  ::dup2(nothing.get(), STDOUT_FILENO);
  ::dup2(messages.get(), STDERR_FILENO);
  close_callers_files();
  name_variable_in_full("BOTHY_VIRTIOFSD");
  [[maybe_unused]] const int moved = ::chdir("/");
  ::_exit(run_owner(std::move(run)));
}

}  // namespace

Result<Started> start(const RunOptions& wanted, const image::Progress& progress) {
  RunOptions options = wanted;
  Timeline timeline;
  timeline.mark("flags read");
  BOTHY_TRY(const image::Store store, image::Store::locate(options.store));
  BOTHY_TRY(const image::Image image, find_image(store, options.image, options.pull, progress));
  BOTHY_TRY(const image::ImageDetails details, store.details(image));
  BOTHY_TRY(image::Disk disk, image::ensure_disk(store, image, image::Limits(), progress));
  timeline.mark("image and its disk found");
  if (options.kernel.empty()) {
    BOTHY_TRY(options.kernel, find_kernel());
  }
  name_in_full(options.kernel);
  name_in_full(disk.path);
  BOTHY_TRY(std::vector<KernelModule> modules, read_modules(options));
  BOTHY_TRY(Instances instances, Instances::locate());
  BOTHY_TRY(const ProcessSpec probe, first_process(options, details.config));
  Settings settings = settings_of(options, image, details.config, probe);
  if (const auto signal = signal_number(settings.stop_signal); !signal) {
    return signal.error();
  }
  // From here to the conversation: what ends us before it would leave behind what we have made.
  HeldSignals held;
  BOTHY_TRY(Instances::Created created, instances.create(settings));
  if (options.hostname.empty()) {
    options.hostname = settings.id;
  }
  RemoveUnlessKept unstarted(instances, created.instance);
  if (options.storage > 0) {
    BOTHY_TRY(make_scratch(created.instance.data_directory() + "/scratch", options.storage,
                           held.before()));
  }
  BOTHY_TRY(ProcessSpec process, first_process(options, details.config));
  timeline.mark("instance made");
  BOTHY_TRY(SocketPair pair, SocketPair::create());
  const Instance instance = created.instance;
  BOTHY_TRY(UniqueFd messages,
            open_file(instance.at("owner.log"), O_RDWR | O_CREAT | O_APPEND, 0600));
  const pid_t child = ::fork();
  if (child < 0) {
    return errno_error("can't start its owner");
  }
  unstarted.keep();
  if (child == 0) {
    pair.ours.reset();
    become_owner(OwnedRun{std::move(options),
                          std::move(settings),
                          std::move(process),
                          std::move(disk),
                          std::move(modules),
                          std::move(instances),
                          std::move(created),
                          {},
                          std::move(pair.theirs)},
                 messages, std::move(held));
  }
  return Started{instance,
                 std::move(settings),
                 std::move(timeline),
                 std::move(pair.ours),
                 std::move(messages),
                 std::move(held)};
}

}  // namespace bothy::run
