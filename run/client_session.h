// ClientSession: one client of an instance's owner (client_protocol.h).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "run/frame_channel.h"
#include "run/workload.h"

namespace bothy::run {

class ClientSession;

// What serves the requests of clients. An answer may come later: the session is kept until then.
class ClientRequests {
 public:
  ClientRequests() = default;
  ClientRequests(const ClientRequests&) = delete;
  ClientRequests& operator=(const ClientRequests&) = delete;
  virtual ~ClientRequests() = default;

  virtual void on_request(const std::shared_ptr<ClientSession>& session,
                          const boost::json::object& request) = 0;
  virtual void on_resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) = 0;
  virtual void on_signal(std::uint32_t process, int signal) = 0;
  virtual void on_client_disconnected(const std::shared_ptr<ClientSession>& session) = 0;
};

// For the executor's thread. Lives as long as the client's connection, or until finish().
class ClientSession final : public Listener, public std::enable_shared_from_this<ClientSession> {
 public:
  // `requests` outlives the session.
  ClientSession(boost::asio::io_context& executor, UniqueFd socket, ClientRequests& requests);
  ~ClientSession() override;

  void start();
  // The client is the starter, which sends no request.
  void expect_no_request() noexcept { requested_ = true; }
  void answer(boost::json::value result);
  void send_timeline(const std::string& text);
  void refuse(const std::string& error);
  // The workload's output goes to the client from now on, and the client's input to the workload.
  void attach(std::uint32_t process, std::shared_ptr<Workload> workload);
  [[nodiscard]] const std::shared_ptr<Workload>& workload() const noexcept { return workload_; }
  // Closes once everything queued is sent.
  void finish();
  [[nodiscard]] bool is_sending() const noexcept { return channel_->queued() > 0; }

  void on_output(Stream stream, std::span<const std::byte> bytes) override;
  [[nodiscard]] bool is_full() const override;
  void on_input_room() override;
  void on_end(int code, const std::string& error) override;

 private:
  void on_frame(const FrameView& frame);
  void on_input(std::span<const std::byte> bytes);
  void detach();

  ClientRequests& requests_;
  std::shared_ptr<FrameChannel> channel_;
  std::shared_ptr<Workload> workload_;
  std::uint32_t process_ = 0;
  std::uint32_t untaken_ = 0;  // bytes of input that the process has yet to take
  bool requested_ = false;
};

}  // namespace bothy::run
