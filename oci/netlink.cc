#include "oci/netlink.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace bothy::oci {
namespace {

constexpr std::size_t kBuffer = 64U << 10U;

NetlinkAnswer parse(const nlmsghdr& message, std::string_view content, std::size_t header_size) {
  NetlinkAnswer answer;
  answer.type = message.nlmsg_type;
  answer.header = content.substr(0, std::min(header_size, content.size()));
  content.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header_size), content.size()));
  rtattr attribute{};
  while (content.size() >= sizeof(attribute)) {
    std::memcpy(&attribute, content.data(), sizeof(attribute));
    if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > content.size()) {
      break;
    }
    answer.attributes[attribute.rta_type & NLA_TYPE_MASK] =
        content.substr(sizeof(attribute), attribute.rta_len - sizeof(attribute));
    content.remove_prefix(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), content.size()));
  }
  return answer;
}

// The errno value of an NLMSG_ERROR.
int error_of(std::string_view content) noexcept {
  int error = 0;
  std::memcpy(&error, content.data(), std::min(sizeof(error), content.size()));
  return -error;
}

}  // namespace

void NetlinkBody::append(const void* bytes, std::size_t size) {
  bytes_.append(static_cast<const char*>(bytes), size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void NetlinkBody::add(std::uint16_t attribute, std::string_view bytes) {
  const rtattr header{static_cast<unsigned short>(sizeof(rtattr) + bytes.size()), attribute};
  append(&header, sizeof(header));
  append(bytes.data(), bytes.size());
}

std::size_t NetlinkBody::begin(std::uint16_t attribute) {
  const std::size_t begun = bytes_.size();
  add(attribute, std::string_view());
  return begun;
}

void NetlinkBody::end(std::size_t begun) {
  const auto size = static_cast<unsigned short>(bytes_.size() - begun);
  std::memcpy(bytes_.data() + begun, &size, sizeof(size));
}

Result<Netlink> Netlink::open() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) {
    return errno_error("can't open a netlink socket");
  }
  return Netlink(std::move(socket));
}

Result<void> Netlink::send(std::uint16_t type, std::uint16_t flags, const NetlinkBody& body) const {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof(header) + body.bytes().size());
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  std::string message(reinterpret_cast<const char*>(&header), sizeof(header));
  message += body.bytes();
  return ::send(socket_.get(), message.data(), message.size(), 0) < 0
             ? Result<void>(errno_error("can't send a netlink request"))
             : success();
}

Result<int> Netlink::request(std::uint16_t type, std::uint16_t flags,
                             const NetlinkBody& body) const {
  BOTHY_TRY(send(type, static_cast<std::uint16_t>(flags | NLM_F_ACK), body));
  alignas(nlmsghdr) std::array<char, 8192> answer{};
  const ssize_t count = ::recv(socket_.get(), answer.data(), answer.size(), 0);
  nlmsghdr header{};
  if (count < static_cast<ssize_t>(sizeof(header) + sizeof(int))) {
    return errno_error("can't receive a netlink answer");
  }
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type != NLMSG_ERROR) {
    return make_error(ErrorCode::kSystem, "unexpected netlink answer {}", header.nlmsg_type);
  }
  return error_of({answer.data() + sizeof(header), sizeof(int)});
}

Result<void> Netlink::dump(std::uint16_t type, const NetlinkBody& body, std::size_t header_size,
                           const std::function<void(const NetlinkAnswer&)>& each) const {
  BOTHY_TRY(send(type, NLM_F_DUMP, body));
  std::vector<char> buffer(kBuffer);
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) {
      return errno_error("can't receive a netlink answer");
    }
    std::string_view rest(buffer.data(), static_cast<std::size_t>(count));
    nlmsghdr header{};
    while (rest.size() >= sizeof(header)) {
      std::memcpy(&header, rest.data(), sizeof(header));
      if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > rest.size()) {
        return make_error(ErrorCode::kSystem, "a netlink answer is cut off");
      }
      const auto content = rest.substr(sizeof(header), header.nlmsg_len - sizeof(header));
      if (header.nlmsg_type == NLMSG_DONE) {
        return success();
      }
      if (header.nlmsg_type == NLMSG_ERROR) {
        return errno_error("can't list what the network namespace has", error_of(content));
      }
      each(parse(header, content, header_size));
      rest.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
    }
  }
}

}  // namespace bothy::oci
