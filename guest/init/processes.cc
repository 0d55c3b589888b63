#include "guest/init/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "guest/init/control.h"
#include "guest/init/copies.h"
#include "guest/init/host.h"
#include "guest/init/launch.h"
#include "guest/init/power.h"

namespace bothy::init {

using namespace agent;

namespace {

constexpr size_t kMaxProcesses = 256;  // at a time

struct Process {
  Process* next = nullptr;
  uint32_t number = 0;
  pid_t pid = -1;
  int status = 0;
  bool exited = false;
  bool over = false;  // reported to the host; to be released
  int slave = -1;     // of the terminal; kept open so that a process can close it without hang-up
  Endpoint hosts[3];  // by stream number
  Endpoint owns[3];   // init's ends of the pipes, or the terminal's master
  Pump pumps[3];      // by stream number; a terminal's output is 1
};

Process* processes = nullptr;
size_t process_count = 0;
bool first_over = false;

Process* find(uint32_t number) {
  for (Process* process = processes; process != nullptr; process = process->next) {
    if (process->number == number && !process->over) return process;
  }
  return nullptr;
}

void end(Process& process) {
  process.over = true;
  if (process.number == 0) first_over = true;
}

// Called whenever the process or one of its streams has ended.
void report_when_over(void* owner) {
  auto& process = *static_cast<Process*>(owner);
  if (!process.exited || process.over) return;
  for (int stream = 1; stream < 3; ++stream) {
    if (process.pumps[stream].buffer != nullptr && !process.pumps[stream].done) return;
  }
  end(process);
  const int32_t status = process.status;
  control_send(kExited, process.number, &status, sizeof status);
}

void refuse(uint32_t number, int error, Text message) {
  control_send_message(kNotStarted, number, error, message);
}

void close_all(const Standard& standard) {
  for (const int fd : standard.fds) {
    if (fd >= 0) close(fd);
  }
}

void release(Process* process) {
  for (Pump& pump : process->pumps) pump_close(pump);
  for (Endpoint& endpoint : process->hosts) endpoint_close(endpoint);
  for (Endpoint& endpoint : process->owns) endpoint_close(endpoint);
  if (process->slave >= 0) close(process->slave);
  free(process);
}

bool open_terminal(Process& process, const ProcessSpec& spec, Standard& standard) {
  const int master = openat(AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  int unlock = 0;
  if (master < 0) return false;
  endpoint_open(process.owns[0], master, Endpoint::kTerminal);
  if (ioctl(master, TIOCSPTLCK, &unlock) != 0) return false;
  process.slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (process.slave < 0) return false;
  if (spec.columns > 0 || spec.rows > 0) {
    const winsize size{spec.rows, spec.columns, 0, 0};
    ioctl(master, TIOCSWINSZ, &size);
  }
  for (int& fd : standard.fds) fd = process.slave;
  return pump_open(process.pumps[0], process.hosts[0], process.owns[0]) &&
         pump_open(process.pumps[1], process.owns[0], process.hosts[0]);
}

// `stream` 0 is read by the process, the others are written by it.
bool open_pipe(Process& process, int stream, Standard& standard) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const int ours = stream == 0 ? ends[1] : ends[0];
  standard.fds[stream] = stream == 0 ? ends[0] : ends[1];
  fcntl(ours, F_SETFL, O_NONBLOCK);
  Endpoint& own = process.owns[stream];
  Endpoint& host = process.hosts[stream];
  endpoint_open(own, ours, Endpoint::kPipe);
  return stream == 0 ? pump_open(process.pumps[0], host, own)
                     : pump_open(process.pumps[stream], own, host);
}

bool open_standard(Process& process, const ProcessSpec& spec, Standard& standard) {
  if (spec.terminal) return open_terminal(process, spec, standard);
  if (spec.input) {
    if (!open_pipe(process, 0, standard)) return false;
  } else {
    standard.fds[0] = openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
  }
  return open_pipe(process, 1, standard) && open_pipe(process, 2, standard);
}

bool has_stream(const ProcessSpec& spec, uint32_t stream) {
  return stream == 0 ? spec.terminal || spec.input : !spec.terminal;
}

bool take_connections(Process& process, const ProcessSpec& spec, const Connections& connections) {
  for (uint32_t stream = 0; stream < 3; ++stream) {
    if (connections.fds[stream] >= 0)
      endpoint_open(process.hosts[stream], connections.fds[stream], Endpoint::kSocket);
  }
  for (uint32_t stream = 0; stream < 3; ++stream) {
    const int fd = connections.fds[stream];
    if (has_stream(spec, stream) &&
        (fd < 0 || !finish_stream(fd, process.number, stream, spec.token)))
      return false;
  }
  return true;
}

// Returns the process with all streams, or null after telling the host the reason.
Process* prepare(uint32_t number, const ProcessSpec& spec, Connections connections,
                 Standard& standard) {
  auto* process = static_cast<Process*>(calloc(1, sizeof(Process)));
  if (process == nullptr) {
    refuse(number, ENOMEM, "can't start another process: out of memory");
    return nullptr;
  }
  *process = Process{};
  process->number = number;
  const char* wrong = nullptr;
  if (!take_connections(*process, spec, connections)) {
    wrong = "can't connect the process's streams";
  } else if (!open_standard(*process, spec, standard)) {
    wrong = "can't create the process's standard streams";
  }
  if (wrong == nullptr) return process;
  const int error = errno;
  Line message;
  refuse(number, error, message.add(wrong).add(": ").add(error_text(error)).text());
  release(process);
  return nullptr;
}

void enlist(Process* process) {
  process->next = processes;
  processes = process;
  ++process_count;
}

// False when the process didn't start; the host has been told.
bool start(uint32_t number, ProcessSpec& spec, Connections connections) {
  Standard standard{{-1, -1, -1}};
  Failure failure;
  Process* process = prepare(number, spec, connections, standard);
  if (process == nullptr) {
    close_all(standard);
    return false;
  }
  process->pid = launch(spec, standard, failure);
  if (spec.terminal) standard = {{-1, -1, -1}};  // `process` keeps the slave
  close_all(standard);
  if (process->pid < 0) {
    refuse(number, failure.error, failure.message.text());
    release(process);
    return false;
  }
  for (Pump& pump : process->pumps) {
    pump.owner = process;
    pump.on_done = report_when_over;
  }
  enlist(process);
  const auto pid = static_cast<uint32_t>(process->pid);
  control_send(kStarted, number, &pid, sizeof pid);
  return true;
}

}  // namespace

Connections begin_streams(const ProcessSpec& spec) {
  Connections connections;
  for (uint32_t stream = 0; stream < 3; ++stream) {
    if (has_stream(spec, stream)) connections.fds[stream] = begin_connect();
  }
  return connections;
}

void start_on_console(ProcessSpec& spec) {
  Failure failure;
  spec.terminal = false;  // the kernel's console can't be a controlling terminal
  auto* process = static_cast<Process*>(calloc(1, sizeof(Process)));
  if (process == nullptr) fail("can't start the first process: out of memory");
  *process = Process{};
  process->pid = launch(spec, {{0, 1, 2}}, failure);
  if (process->pid < 0) fail(failure.message.text());
  enlist(process);
}

void start_first(ProcessSpec& spec, Connections connections) {
  first_over = !start(0, spec, connections);
}

void start_further(uint32_t number, Text records) {
  ProcessSpec spec;
  if (find(number) != nullptr) {
    refuse(number, EEXIST, "the process number is in use");
  } else if (process_count >= kMaxProcesses) {
    refuse(number, EAGAIN, "too many processes");
  } else if (!spec.parse(records)) {
    refuse(number, EPROTO, "invalid START frame");
  } else {
    start(number, spec, begin_streams(spec));
  }
}

void reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    copy_ended(pid, status);
    for (Process* process = processes; process != nullptr; process = process->next) {
      if (process->pid != pid || process->exited) continue;
      process->exited = true;
      process->status = status;
      pump_drain(process->pumps[1]);
      pump_drain(process->pumps[2]);
      report_when_over(process);
    }
  }
}

void release_ended() {
  for (Process** link = &processes; *link != nullptr;) {
    Process* process = *link;
    if (!process->over) {
      link = &process->next;
      continue;
    }
    *link = process->next;
    --process_count;
    release(process);
  }
}

void signal_process(uint32_t number, int signal) {
  const Process* process = find(number);
  if (process != nullptr && !process->exited) kill(process->pid, signal);
}

void resize_process(uint32_t number, uint16_t columns, uint16_t rows) {
  const Process* process = find(number);
  if (process == nullptr || process->slave < 0) return;
  const winsize size{rows, columns, 0, 0};
  ioctl(process->owns[0].watch.fd, TIOCSWINSZ, &size);
}

bool first_is_over() {
  return first_over;
}

}  // namespace bothy::init
