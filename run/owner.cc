#include "run/owner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <utility>

#include "base/log.h"
#include "run/exit_codes.h"
#include "run/owner_policy.h"
#include "sandbox/confinement.h"

namespace bothy::run {
namespace {

// owner.log, which the instance's inside can make grow for as long as it runs, starts anew then.
constexpr off_t kMaxOwnLog = 1 << 20;
constexpr std::chrono::seconds kOwnLogInterval{60};

}  // namespace

Owner::Owner(OwnedRun run, Clock& clock)
    : run_(std::move(run)),
      clock_(clock),
      pending_starts_(control_, clock, "start the process",
                      [this](std::uint32_t number) {
                        if (const auto found = further_.find(number); found != further_.end()) {
                          const auto process = found->second;
                          process->fail(kOwnFailure, {});
                        }
                      }),
      pending_path_infos_(control_, clock, "look up the path"),
      pending_statistics_(control_, clock, "report its resources") {
  state_.owner = ::getpid();
  Workload::Setup setup;
  setup.terminal = run_.process.terminal;
  setup.input = run_.process.interactive;
  if (auto log = LogFile::create(run_.created.instance.log_path())) {
    log_.emplace(std::move(log).value());
    setup.log = &*log_;
  }
  first_ = std::make_shared<Workload>(control_, clock_, setup,
                                      [this](const WorkloadEnd& end) { on_first_end(end); });
}

Owner::~Owner() = default;

int Owner::run() {
  run_.timeline.mark("owner begins");
  watch_signals();
  limit_own_log();
  if (run_.client) {
    const Session starter = add_client(std::move(run_.client));
    starter->expect_no_request();
    if (run_.options.detach) {
      waiting_for_first_start_.insert(starter);
    } else {
      starter->attach(0, first_);
    }
  }
  if (const auto started = start()) {
    watch_timeout();
  } else {
    ended_ = true;
    fail(kOwnFailure, started.error().context);
  }
  sandbox::confine_main();
  control_.run();
  leave();
  return state_.exit_code;
}

Result<void> Owner::start() {
  // Used up here, also by a failure: what is left of it would keep the image in use.
  const std::unique_ptr<PreparedIsolation> prepared = std::move(run_.isolation);
  BOTHY_TRY(open_api());
  // Before there are threads.
  if (const auto role = prepared->owner_role()) {
    BOTHY_TRY(sandbox::prepare(run_.options.sandbox,
                               owner_policy(*role, run_.instances, run_.created.instance)));
  }
  const IsolationContext context{
      control_, clock_, *this, run_.timeline, run_.options, run_.process, run_.created.instance};
  BOTHY_TRY(isolation_, prepared->make(context));
  return isolation_->start();
}

Result<void> Owner::open_api() {
  BOTHY_TRY(UnixListener listener, UnixListener::bind("api", run_.created.instance.api_path()));
  api_.emplace(control_, std::move(listener),
               [this](UniqueFd socket) { add_client(std::move(socket)); });
  return success();
}

void Owner::watch_signals() {
  signals_.add(SIGTERM);
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) {
      stop(SIGTERM, run_.settings.stop_timeout);
      watch_signals();
    }
  });
}

void Owner::watch_timeout() {
  if (run_.options.timeout) {
    timeout_.start(*run_.options.timeout, [this] {
      fail_at_once(kTimedOut, fmt::format("instance '{}' was still running after its --timeout",
                                          run_.settings.name));
    });
  }
}

void Owner::limit_own_log() {
  struct stat status {};
  if (::fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_size > kMaxOwnLog) {
    [[maybe_unused]] const int truncated = ::ftruncate(STDERR_FILENO, 0);
  }
  own_log_timer_.start(kOwnLogInterval, [this] { limit_own_log(); });
}

void Owner::save_state() const {
  if (const auto saved = run_.created.instance.write_state(state_); !saved) {
    log(LogLevel::kError, "{}", saved.error().context);
  }
}

}  // namespace bothy::run
