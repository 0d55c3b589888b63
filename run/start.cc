#include "run/start.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/inherited_files.h"
#include "base/log.h"
#include "base/socket_pair.h"
#include "run/find_image.h"
#include "run/owner.h"
#include "run/run_spec.h"
#include "run/user_network.h"

namespace bothy::run {
namespace {

// As -p has it, with an arrow.
std::string describe(const PublishedPort& port) {
  const bool is_ipv6 = port.address.find(':') != std::string::npos;
  const std::string address = is_ipv6 ? "[" + port.address + "]" : port.address;
  return fmt::format("{}{}{}->{}/{}", address, address.empty() ? "" : ":", port.host, port.guest,
                     port.udp ? "udp" : "tcp");
}

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
    settings.ports.push_back(describe(port));
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

// Removes the instance of a start that failed.
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

// What instances whose owners were killed have left. Before there is a new one: processes may be
// among it, and the ids that they have are free to be reserved since their owner's end.
void sweep(const Instances& instances, const IsolationKind& isolation) {
  if (isolation.clear_lost == nullptr) {
    return;
  }
  for (const Instance& instance : instances.without_owner()) {
    if (const auto cleared = isolation.clear_lost(instance); !cleared) {
      log(LogLevel::kWarning, "{}", cleared.error().context);
    }
  }
}

// In the child: keeps of the caller what `run` holds, and logs to `messages`.
[[noreturn]] void become_owner(OwnedRun run, const UniqueFd& messages, HeldSignals held) {
  ::setsid();
  for (const int signal : kSignalsIgnoredByOwner) {
    std::signal(signal, SIG_IGN);
  }
  held.release();
  const UniqueFd null_device(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(null_device.get(), STDIN_FILENO);
  ::dup2(null_device.get(), STDOUT_FILENO);
  ::dup2(messages.get(), STDERR_FILENO);
  close_inherited_files();  // they must not stay open as long as the instance
  [[maybe_unused]] const int moved = ::chdir("/");
  int code = 0;
  {
    Owner owner(std::move(run));
    code = owner.run();
  }
  ::_exit(code);
}

}  // namespace

Result<Started> start(const RunOptions& wanted, const IsolationKind& isolation,
                      const image::Progress& progress) {
  RunOptions options = wanted;
  Timeline timeline;
  timeline.mark("flags read");
  BOTHY_TRY(find_user_network(options));
  BOTHY_TRY(const image::Store store, image::Store::locate(options.store));
  BOTHY_TRY(const image::Image image, find_image(store, options.image, options.pull, progress));
  BOTHY_TRY(const image::ImageDetails details, store.details(image));
  BOTHY_TRY(auto prepared, isolation.prepare({options, store, image, progress}));
  timeline.mark("image and its files found");
  BOTHY_TRY(Instances instances, Instances::locate());
  BOTHY_TRY(const ProcessSpec probe, first_process(options, details.config));
  Settings settings = settings_of(options, image, details.config, probe);
  settings.sandbox = options.sandbox == sandbox::Mode::kOn && prepared->owner_role().has_value();
  if (const auto signal = signal_number(settings.stop_signal); !signal) {
    return signal.error();
  }
  sweep(instances, isolation);
  // Held until the conversation begins: a signal that ended this process before would leave the
  // instance behind.
  HeldSignals held;
  BOTHY_TRY(Instances::Created created, instances.create(settings));
  if (options.hostname.empty()) {
    options.hostname = settings.id;
  }
  RemoveUnlessKept unstarted(instances, created.instance);
  BOTHY_TRY(prepared->prepare_instance(created.instance));
  BOTHY_TRY(ProcessSpec process, first_process(options, details.config));
  timeline.mark("instance made");
  BOTHY_TRY(SocketPair pair, SocketPair::create());
  const Instance instance = created.instance;
  BOTHY_TRY(UniqueFd messages,
            open_file(instance.at("owner.log"), O_RDWR | O_CREAT | O_APPEND, 0600));
  const pid_t child = ::fork();
  if (child < 0) {
    return errno_error("can't start the instance's owner");
  }
  unstarted.keep();
  if (child == 0) {
    pair.ours.reset();
    become_owner(OwnedRun{std::move(options),
                          std::move(settings),
                          std::move(process),
                          std::move(prepared),
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
