#include "bench/areas/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string_view>
#include <thread>

#include "base/find_program.h"
#include "bench/areas/instances.h"
#include "bench/host/host.h"

namespace bothy::bench {
namespace {

constexpr std::chrono::seconds kAnswerLimit{60};
// Between two tries to connect: the answer is late by half of this, and trying takes little of the
// processor.
constexpr std::chrono::microseconds kBetweenTries{500};

sockaddr_in loopback(unsigned port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Whether the server at `port` has answered now. A network between may take the connection before
// the server listens, and end it.
bool answers(unsigned port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  const timeval limit{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::send(fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
    return false;
  }
  std::string answer;
  std::array<char, 512> buffer;
  for (ssize_t count = 0; (count = ::recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(count));
    if (answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nbothy\n")) {
      return true;
    }
  }
  return false;
}

// The nanoseconds from the start to the answer.
Result<std::int64_t> await_answer(const BenchRun& run, Child& child, unsigned port) {
  const auto deadline = Clock::now() + kAnswerLimit;
  std::string output;
  std::string errors;
  for (;;) {
    if (answers(port)) {
      return now_ns() - child.started_ns;
    }
    const bool open = read_available(child.out.get(), output, 4096);
    read_available(child.err.get(), errors, 4096);
    if (!open || Clock::now() >= deadline || run.interrupted()) {
      return make_error(ErrorCode::kSystem, "{}; {}",
                        open ? "no answer" : "it ended without an answer", last_line(errors));
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

Result<void> start_one(BenchRun& run, const Subject& subject, const Workspace& workspace,
                       std::size_t session) {
  BOTHY_TRY(const unsigned port, free_port());
  const std::string id = run.new_id();
  BOTHY_TRY(const auto published, subject.run_published(workspace, id, port));
  if (!published) {
    return success();
  }
  const Parameters parameters{{"network", published->network}};
  BOTHY_TRY(Child child, start_child(published->invocation));
  const auto taken = await_answer(run, child, port);
  if (taken) {
    run.add(subject, "startup.http", parameters, session, {static_cast<double>(taken.value())});
  } else if (!run.interrupted()) {
    run.add_failure(subject, "startup.http", parameters, taken.error().context);
  }
  end_instance(run, subject, workspace, id, child);
  return success();
}

}  // namespace

Result<void> measure_http(BenchRun& run, const Workspace& workspace, std::size_t session) {
  const std::size_t rounds = run.options().quick ? 3 : 10;
  return run.each_subject(rounds, [&](Subject& subject, std::size_t round) {
    if (!run.measurable(subject, "startup.first-byte")) {
      return Result<void>(success());
    }
    run.progress("starts to the first HTTP answer", session * rounds + round,
                 run.options().sessions * rounds);
    return start_one(run, subject, workspace, session);
  });
}

}  // namespace bothy::bench
