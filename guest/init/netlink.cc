#include "guest/init/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/init/power.h"
#include "guest/protocol/agent.h"

namespace bothy::init {
namespace {

using namespace agent;

constexpr size_t kMaxRequest = 4096;

struct Request {
  nlmsghdr header;
  char content[kMaxRequest];
};

// The errno value of the kernel's answer.
int ask(Request& request) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[kMaxRequest];
  } answer;
  int error = 0;
  if (send(fd, &request, request.header.nlmsg_len, 0) < 0 ||
      recv(fd, &answer, sizeof answer, 0) <
          static_cast<ssize_t>(sizeof answer.header + sizeof answer.error)) {
    error = errno;
  } else {
    error = answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
  }
  close(fd);
  return error;
}

}  // namespace

void ask_netlink(Text value) {
  NetlinkValue head;
  if (value.size < sizeof head || value.size - sizeof head > kMaxRequest)
    fail("invalid request about a network interface in the configuration");
  memcpy(&head, value.data, sizeof head);
  head.name[sizeof head.name - 1] = '\0';
  const Text content(value.data + sizeof head, value.size - sizeof head);
  const int32_t index = static_cast<int32_t>(if_nametoindex(head.name));
  Request request{};
  request.header.nlmsg_len = static_cast<uint32_t>(sizeof request.header + content.size);
  request.header.nlmsg_type = head.type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  // The link is there; addresses and routes that the kernel has made already are no failure.
  if (head.type != RTM_NEWLINK) request.header.nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
  memcpy(request.content, content.data, content.size);
  if (head.index_at + sizeof index > content.size)
    fail("invalid request about a network interface in the configuration");
  memcpy(request.content + head.index_at, &index, sizeof index);
  const int error = index == 0 ? ENODEV : ask(request);
  if (error == 0) return;
  Line what;
  fail(what.add("can't set up the network interface ").add(head.name).text(), error);
}

}  // namespace bothy::init
