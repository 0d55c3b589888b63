#include "run/client_session.h"

#include <array>
#include <boost/json/serialize.hpp>
#include <cstring>
#include <utility>

#include "base/json_fields.h"
#include "run/client_protocol.h"

namespace bothy::run {
namespace {

namespace json = boost::json;

// A client with more output queued than this stops the output of its process.
constexpr std::size_t kMaxQueued = 1U << 20U;

}  // namespace

ClientSession::ClientSession(boost::asio::io_context& executor, UniqueFd socket,
                             ClientRequests& requests)
    : requests_(requests), channel_(std::make_shared<FrameChannel>(executor, std::move(socket))) {}

ClientSession::~ClientSession() {
  detach();
  channel_->close();
}

void ClientSession::start() {
  FrameChannel::Hooks hooks;
  // The owner keeps sessions alive: the hooks do not.
  hooks.frame = [weak = weak_from_this()](const FrameView& frame) {
    if (const auto self = weak.lock()) {
      self->on_frame(frame);
    }
  };
  hooks.closed = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      // The first process can be attached to again; no other process can.
      if (self->workload_ && self->process_ != 0) {
        self->workload_->end_input();
      }
      self->detach();
      self->requests_.on_client_disconnected(self);
    }
  };
  hooks.drained = [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && self->workload_) {
      self->workload_->listener_has_room();
    }
  };
  channel_->start(std::move(hooks));
}

void ClientSession::on_frame(const FrameView& frame) {
  if (!requested_) {
    auto request =
        frame.type == kRequest
            ? parse_own_object(frame.text(), "the request")
            : make_error(ErrorCode::kInvalid, "expected a request, got frame {}", frame.type);
    requested_ = true;
    if (!request) {
      return refuse(request.error().context);
    }
    return requests_.on_request(shared_from_this(), request.value());
  }
  if (!workload_) {
    return;
  }
  const auto size = frame.value<std::array<std::uint16_t, 2>>();
  switch (frame.type) {
    case kInput:
      return on_input(frame.bytes);
    case kInputEnd:
      return workload_->end_input();
    case kResize:
      return requests_.on_resize(process_, size[0], size[1]);
    case kSignal:
      return requests_.on_signal(process_, frame.value<std::int32_t>());
    default:
      return;
  }
}

void ClientSession::on_input(std::span<const std::byte> bytes) {
  untaken_ += static_cast<std::uint32_t>(bytes.size());
  if (untaken_ > kInputWindow) {
    return finish();  // against the protocol
  }
  if (workload_->input(bytes)) {
    on_input_room();
  }
}

void ClientSession::answer(json::value result) {
  channel_->send_text(kAnswer, 0,
                      json::serialize(json::object{{"ok", true}, {"result", std::move(result)}}));
}

void ClientSession::send_timeline(const std::string& text) {
  channel_->send_text(kTimeline, 0, text);
}

void ClientSession::refuse(const std::string& error) {
  channel_->send_text(kAnswer, 0, json::serialize(json::object{{"ok", false}, {"error", error}}));
  finish();
}

void ClientSession::attach(std::uint32_t process, std::shared_ptr<Workload> workload) {
  process_ = process;
  workload_ = std::move(workload);
  workload_->attach(*this);
}

void ClientSession::detach() {
  if (const auto workload = std::exchange(workload_, nullptr)) {
    workload->detach(*this);
  }
}

void ClientSession::finish() {
  channel_->finish();
}

void ClientSession::on_output(Stream stream, std::span<const std::byte> bytes) {
  channel_->send(kOutput, static_cast<std::uint32_t>(stream), bytes);
}

bool ClientSession::is_full() const {
  return channel_->queued() > kMaxQueued;
}

void ClientSession::on_input_room() {
  if (untaken_ > 0) {
    channel_->send_value(kInputRoom, 0, std::exchange(untaken_, 0));
  }
}

void ClientSession::on_end(int code, const std::string& error) {
  std::vector<std::byte> bytes(sizeof(std::int32_t) + error.size());
  const std::int32_t value = code;
  std::memcpy(bytes.data(), &value, sizeof(value));
  std::memcpy(bytes.data() + sizeof(value), error.data(), error.size());
  channel_->send(kEnded, 0, bytes);
  // Clients of the first process stay until the instance has ended.
  if (process_ != 0) {
    finish();
  }
}

}  // namespace bothy::run
