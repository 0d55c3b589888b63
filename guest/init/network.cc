#include "guest/init/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <net/route.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/init/power.h"

namespace bothy::init {
namespace {

struct Interface {
  Text name;
  CString address;
  uint64_t prefix = 0;
  CString gateway;
};

void set_name(ifreq& request, Text name) {
  if (name.size >= sizeof request.ifr_name)
    fail("invalid network interface in the configuration: the name is too long");
  memcpy(request.ifr_name, name.data, name.size);
}

bool raise(int fd, Text name) {
  ifreq request{};
  set_name(request, name);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

void set_address(sockaddr& to, in_addr address) {
  sockaddr_in internet{};
  internet.sin_family = AF_INET;
  internet.sin_addr = address;
  memcpy(&to, &internet, sizeof internet);
}

bool set_up_v4(int fd, const Interface& interface) {
  in_addr address{};
  in_addr gateway{};
  if (inet_pton(AF_INET, interface.address.get(), &address) != 1 || interface.prefix > 32)
    fail("invalid network interface in the configuration: bad address");
  ifreq request{};
  set_name(request, interface.name);
  set_address(request.ifr_addr, address);
  if (ioctl(fd, SIOCSIFADDR, &request) != 0) return false;
  const uint32_t mask =
      interface.prefix == 0 ? 0 : ~uint32_t{0} << (32 - static_cast<unsigned>(interface.prefix));
  set_address(request.ifr_netmask, in_addr{htonl(mask)});
  if (ioctl(fd, SIOCSIFNETMASK, &request) != 0 || !raise(fd, interface.name)) return false;

  if (interface.gateway.get()[0] == '\0') return true;
  if (inet_pton(AF_INET, interface.gateway.get(), &gateway) != 1)
    fail("invalid network interface in the configuration: bad gateway");
  rtentry route{};
  set_address(route.rt_dst, in_addr{});
  set_address(route.rt_genmask, in_addr{});
  set_address(route.rt_gateway, gateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  route.rt_dev = request.ifr_name;
  return ioctl(fd, SIOCADDRT, &route) == 0;
}

bool set_up_v6(int fd, const Interface& interface) {
  ifreq request{};
  set_name(request, interface.name);
  if (ioctl(fd, SIOCGIFINDEX, &request) != 0 || !raise(fd, interface.name)) return false;
  in6_ifreq address{};
  if (inet_pton(AF_INET6, interface.address.get(), &address.ifr6_addr) != 1 ||
      interface.prefix > 128)
    fail("invalid network interface in the configuration: bad address");
  address.ifr6_prefixlen = static_cast<uint32_t>(interface.prefix);
  address.ifr6_ifindex = request.ifr_ifindex;
  if (ioctl(fd, SIOCSIFADDR, &address) != 0) return false;

  if (interface.gateway.get()[0] == '\0') return true;
  in6_rtmsg route{};
  if (inet_pton(AF_INET6, interface.gateway.get(), &route.rtmsg_gateway) != 1)
    fail("invalid network interface in the configuration: bad gateway");
  route.rtmsg_metric = 1;
  route.rtmsg_flags = RTF_UP | RTF_GATEWAY;
  route.rtmsg_ifindex = request.ifr_ifindex;
  return ioctl(fd, SIOCADDRT, &route) == 0;
}

}  // namespace

void raise_loopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  raise(fd, "lo");
  close(fd);
}

void set_up_interface(Text value) {
  const Text name = value.cut('\0');
  const Text address = value.cut('\0');
  const Text prefix = value.cut('\0');
  const Text gateway = value.cut('\0');
  Interface interface { name, CString(address), 0, CString(gateway) };
  if (!prefix.number(interface.prefix, 128))
    fail("invalid network interface in the configuration: bad prefix length");
  const bool v6 = address.has(':');
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || !(v6 ? set_up_v6(fd, interface) : set_up_v4(fd, interface))) {
    Line what;
    fail(what.add("can't set up the network interface ").add(name).text(), errno);
  }
  close(fd);
}

}  // namespace bothy::init
