#include "run/vm/vm_isolation.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <span>
#include <utility>

#include "base/files.h"
#include "devices/host/console/output.h"
#include "guest/embed/initramfs.h"
#include "guest/embed/program.h"
#include "run/vm/guest_config.h"
#include "sandbox/confinement.h"

namespace bothy::run {
namespace {

// From the end of the control stream to the end of a machine that doesn't end itself.
constexpr std::chrono::seconds kDisconnectGrace{2};
constexpr std::chrono::seconds kPowerOffGrace{10};    // from the request to power off to the end
constexpr std::uint64_t kMaxConsoleFile = 4U << 20U;  // bytes; the file then starts anew
constexpr std::size_t kReportedLines = 10;            // of the console
constexpr std::string_view kDisconnected = "the guest's init has disconnected";

// A file without a name, which is read by its path in /proc.
Result<UniqueFd> in_memory(const std::vector<std::byte>& bytes) {
  UniqueFd fd(::memfd_create("initramfs", MFD_CLOEXEC));
  if (!fd) {
    return errno_error("can't make a file in memory for the initramfs");
  }
  BOTHY_TRY(write_all(fd.get(), bytes, "the initramfs in memory"));
  return fd;
}

}  // namespace

VmIsolation::VmIsolation(const IsolationContext& context, std::optional<image::FileLock> disk_use)
    : context_(context), disk_use_(std::move(disk_use)), grace_(context.executor, context.clock) {}

VmIsolation::~VmIsolation() {
  VmIsolation::close();
}

Result<std::unique_ptr<VmIsolation>> VmIsolation::make(const IsolationContext& context,
                                                       VmParts parts) {
  std::unique_ptr<VmIsolation> vm(new VmIsolation(context, std::move(parts.disk_use)));
  BOTHY_TRY(vm->build(parts));
  context.timeline.mark("machine built");
  return vm;
}

Result<void> VmIsolation::build(const VmParts& parts) {
  BOTHY_TRY(console_executor_.start());
  MachineConfig config =
      machine_config(context_.options, parts.kernel, parts.guest, context_.instance);
  writes_to_host_ = parts.guest.shared || !context_.options.volumes.empty();
  config.cpu_features = parts.cpu_features;
  config.core_scheduling = parts.core_scheduling;
  BOTHY_TRY(open_console(config.console.backend.path));
  tail_.emplace(*console_);
  BOTHY_TRY(link_, GuestLink::listen(context_.executor, context_.clock,
                                     vsock_path(context_.instance), link_hooks()));
  std::vector<std::string> names;
  std::vector<guest::Module> modules;
  for (const KernelModule& module : parts.modules) {
    names.push_back(module.name);
    modules.push_back({module.name, module.content});
  }
  const std::string records =
      guest_config(context_.options, context_.process, make_token(0), names, parts.guest);
  const auto initramfs = guest::make_initramfs(guest::guest_init_program(), records, modules);
  BOTHY_TRY(initramfs_, in_memory(initramfs));
  config.initrds.push_back(fmt::format("/proc/self/fd/{}", initramfs_.get()));
  machine_ = std::make_unique<MachineRun>(context_.executor, machine_hooks());
  return machine_->build(config, *tail_);
}

Result<void> VmIsolation::open_console(const std::string& path) {
  BOTHY_TRY(const UniqueFd file, open_file(path, O_WRONLY | O_APPEND | O_CREAT, 0600));
  BOTHY_TRY(auto output, ConsoleOutput::create(console_executor_.context(), file.get(), {}));
  output->set_limit(kMaxConsoleFile);
  console_ = std::move(output);
  return success();
}

Result<void> VmIsolation::start() {
  BOTHY_TRY(sandbox::close_doors());
  console_executor_.confine();
  return machine_->start();
}

MachineRun::Hooks VmIsolation::machine_hooks() {
  MachineRun::Hooks hooks;
  hooks.ended = [this](const MachineEnd& machine_end) { end(machine_end); };
  hooks.boot_marker = [this] { context_.timeline.mark("the guest's init starts"); };
  hooks.release_writers = [this] { console_->release_writers(); };
  return hooks;
}

GuestLink::Hooks VmIsolation::link_hooks() {
  IsolationEvents& events = context_.events;
  GuestLink::Hooks hooks;
  hooks.up = [this] { context_.timeline.mark("the guest's init has connected"); };
  hooks.stream = [this](std::uint32_t process, const agent::Opening& opening, UniqueFd stream) {
    on_stream(process, opening, std::move(stream));
  };
  hooks.started = [&events](std::uint32_t process) { events.on_started(process); };
  hooks.not_started = [&events](std::uint32_t process, int error, const std::string& message) {
    events.on_not_started(process, error, message);
  };
  hooks.exited = [&events](std::uint32_t process, int wait_status) {
    events.on_exited(process, wait_status);
  };
  hooks.copied = [&events](std::uint32_t copy, int error, const std::string& message) {
    events.on_copied(copy, error, message);
  };
  hooks.path_info = [&events](std::uint32_t request, const PathInfo& info) {
    events.on_path_info(request, info);
  };
  hooks.statistics = [&events](const Statistics& statistics) { events.on_statistics(statistics); };
  hooks.ports = [&events](std::span<const std::uint16_t> ports) { events.on_ports(ports); };
  hooks.failed = [&events](const std::string& message) { events.on_failed(message); };
  hooks.closed = [this] { on_link_closed(); };
  return hooks;
}

std::uint64_t VmIsolation::make_token(std::uint32_t process) {
  return tokens_[process] = random_token();
}

// Any process of the guest can connect: a stream without the token is closed.
void VmIsolation::on_stream(std::uint32_t process, const agent::Opening& opening, UniqueFd stream) {
  const auto token = tokens_.find(process);
  if (token != tokens_.end() && token->second == opening.token) {
    context_.events.on_stream(process, opening.value, std::move(stream));
  }
}

Result<void> VmIsolation::check_connected() const {
  if (!link_ || link_->is_closed()) {
    return make_error(ErrorCode::kInvalid, "{}", kDisconnected);
  }
  return link_->is_up() ? Result<void>(success())
                        : make_error(ErrorCode::kInvalid, "the guest's init hasn't connected yet");
}

Result<void> VmIsolation::start_process(std::uint32_t process, const ProcessSpec& spec) {
  const auto records = process_records(spec, make_token(process), context_.options.rlimits);
  if (records.bytes().size() > agent::kMaxFrame) {
    return make_error(ErrorCode::kInvalid,
                      "the command's arguments and environment have {} bytes: at most {} are "
                      "possible",
                      records.bytes().size(), agent::kMaxFrame);
  }
  link_->start(process, std::as_bytes(std::span(records.bytes())));
  return success();
}

void VmIsolation::signal(std::uint32_t process, int signal) {
  if (link_) {
    link_->signal(process, signal);
  }
}

void VmIsolation::resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) {
  if (link_) {
    link_->resize(process, columns, rows);
  }
}

void VmIsolation::forget(std::uint32_t process) {
  tokens_.erase(process);
}

Result<void> VmIsolation::pause() {
  machine_->machine().pause();
  return success();
}

Result<void> VmIsolation::resume() {
  machine_->machine().resume();
  link_->set_clock();
  return success();
}

Result<void> VmIsolation::request_statistics() {
  link_->request_statistics();
  return success();
}

void VmIsolation::request_path_info(std::uint32_t request, const std::string& path) {
  link_->request_path_info(request, path);
}

void VmIsolation::copy_in(std::uint32_t copy, const std::string& directory) {
  link_->copy_in(copy, make_token(copy), directory);
}

void VmIsolation::copy_out(std::uint32_t copy, const std::string& path) {
  link_->copy_out(copy, make_token(copy), path);
}

void VmIsolation::connect(std::uint32_t connection, std::uint16_t port) {
  link_->connect(connection, make_token(connection), port);
}

void VmIsolation::shut_down(Shutdown urgency) {
  if (ended_) {
    return;
  }
  shutting_down_ = true;
  link_->shut_down();
  grace_.start(kPowerOffGrace, [this] { end({}); });
  // The output of the first process has been read, and the guest's memory is dropped with the
  // machine: only volumes may have writes to come, if the guest still listens.
  const bool has_writes = writes_to_host_ && link_->is_up();
  if (!has_writes || urgency == Shutdown::kImmediate) {
    end({});
  }
}

// The machine's end follows, unless the guest is hostile.
void VmIsolation::on_link_closed() {
  context_.events.on_disconnected(std::string(kDisconnected));
  if (!ended_ && !shutting_down_) {
    grace_.start(kDisconnectGrace, [this] {
      end({MachineEndReason::kFailed, 0, "its init disconnected"});
    });
  }
}

void VmIsolation::end(const MachineEnd& end) {
  if (std::exchange(ended_, true)) {
    return;
  }
  grace_.cancel();
  context_.timeline.mark("the guest is off");
  machine_->stop();
  context_.timeline.mark("the vCPUs are joined");
  context_.events.on_ended(describe_end(end));
}

std::string VmIsolation::describe_end(const MachineEnd& end) const {
  std::string text =
      fmt::format("the guest ended ({}) before its first process did",
                  end.detail.empty() ? to_string(end.reason) : std::string_view(end.detail));
  const std::string lines = tail_->tail(kReportedLines);
  return lines.empty() ? text : text + "; last lines of its console:\n" + lines;
}

void VmIsolation::close() noexcept {
  ended_ = true;
  grace_.cancel();
  if (machine_) {
    machine_->stop();
  }
  console_executor_.stop();
  link_.reset();
  disk_use_.reset();
}

}  // namespace bothy::run
