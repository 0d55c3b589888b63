#include "oci/pod_network.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <utility>

namespace bothy::oci {
namespace {

constexpr std::string_view kTapPrefix = "bothy";

// An attribute that the guest's kernel is to be told as it is.
void copy_attributes(const NetlinkAnswer& from, std::initializer_list<std::uint16_t> wanted,
                     NetlinkBody& to) {
  for (const std::uint16_t each : wanted) {
    const auto found = from.attributes.find(each);
    if (found != from.attributes.end()) {
      to.add(each, found->second);
    }
  }
}

void add_interface(const NetlinkAnswer& link, std::vector<PodInterface>& interfaces) {
  const auto head = link.head<ifinfomsg>();
  const auto name = link.attributes.find(IFLA_IFNAME);
  if (head.ifi_type != ARPHRD_ETHER || (head.ifi_flags & IFF_UP) == 0 ||
      name == link.attributes.end()) {
    return;
  }
  PodInterface interface;
  interface.index = head.ifi_index;
  interface.guest.name = name->second.data();  // with a NUL at its end
  interface.guest.mac = link.value<MacAddress>(IFLA_ADDRESS);
  const auto mtu = link.value<std::uint32_t>(IFLA_MTU);
  interface.guest.mtu = static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu, UINT16_MAX));
  interface.guest.tap = fmt::format("{}{}", kTapPrefix, interfaces.size());
  interface.guest.requests.push_back(link_request(interface.guest.name));
  interfaces.push_back(std::move(interface));
}

PodInterface* find_interface(std::vector<PodInterface>& interfaces, int index) {
  const auto found = std::ranges::find(interfaces, index, &PodInterface::index);
  return found == interfaces.end() ? nullptr : &*found;
}

// Those that the kernel makes by itself for addresses and links are made in the guest as well.
bool is_own_route(const NetlinkAnswer& route) {
  const auto head = route.head<rtmsg>();
  return head.rtm_table == RT_TABLE_MAIN && head.rtm_type == RTN_UNICAST &&
         head.rtm_protocol != RTPROT_KERNEL;
}

// In two rounds: a gateway must be reachable when its route is added.
Result<void> read_routes(const Netlink& netlink, std::vector<PodInterface>& interfaces) {
  for (const bool with_gateway : {false, true}) {
    BOTHY_TRY(netlink.dump(
        RTM_GETROUTE, NetlinkBody(rtmsg{}), sizeof(rtmsg), [&](const NetlinkAnswer& route) {
          PodInterface* interface = find_interface(interfaces, route.value<int>(RTA_OIF));
          if (interface != nullptr && is_own_route(route) &&
              route.attributes.contains(RTA_GATEWAY) == with_gateway) {
            interface->guest.requests.push_back(route_request(route));
          }
        }));
  }
  return success();
}

Result<void> change(const Netlink& netlink, const char* what, std::uint16_t type,
                    std::uint16_t flags, const NetlinkBody& body) {
  BOTHY_TRY(const int error, netlink.request(type, flags, body));
  return error == 0 ? Result<void>(success()) : errno_error(what, error);
}

NetlinkBody ingress_of(int index) {
  constexpr std::uint32_t kHandle = TC_H_MAKE(TC_H_INGRESS, 0);
  tcmsg head{};
  head.tcm_ifindex = index;
  head.tcm_handle = kHandle;
  head.tcm_parent = TC_H_INGRESS;
  NetlinkBody body(head);
  body.add(TCA_KIND, std::string_view("ingress", sizeof("ingress")));
  return body;
}

// Matches every packet.
NetlinkBody redirection(int from, int to) {
  tcmsg head{};
  head.tcm_ifindex = from;
  head.tcm_parent = TC_H_MAKE(TC_H_INGRESS, 0);
  head.tcm_info = TC_H_MAKE(1U << 16U, htons(ETH_P_ALL));  // priority and protocol
  NetlinkBody body(head);
  body.add(TCA_KIND, std::string_view("u32", sizeof("u32")));
  const std::size_t options = body.begin(TCA_OPTIONS);
  // A selector ends with its keys; one that compares no bit matches.
  std::string match(sizeof(tc_u32_sel) + sizeof(tc_u32_key), '\0');
  match[offsetof(tc_u32_sel, flags)] = TC_U32_TERMINAL;
  match[offsetof(tc_u32_sel, nkeys)] = 1;
  body.add(TCA_U32_SEL, std::string_view(match));
  const std::size_t actions = body.begin(TCA_U32_ACT);
  const std::size_t action = body.begin(1);
  body.add(TCA_ACT_KIND, std::string_view("mirred", sizeof("mirred")));
  const std::size_t parameters = body.begin(TCA_ACT_OPTIONS);
  tc_mirred mirred{};
  mirred.action = TC_ACT_STOLEN;
  mirred.eaction = TCA_EGRESS_REDIR;
  mirred.ifindex = static_cast<std::uint32_t>(to);
  body.add(TCA_MIRRED_PARMS, mirred);
  body.end(parameters);
  body.end(action);
  body.end(actions);
  body.end(options);
  return body;
}

Result<void> redirect(const Netlink& netlink, int from, int to) {
  // One that is there was left by an owner that was killed.
  BOTHY_TRY(netlink.request(RTM_DELQDISC, 0, ingress_of(from)));
  BOTHY_TRY(change(netlink, "can't redirect an interface's packets (the kernel's sch_ingress)",
                   RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ingress_of(from)));
  return change(netlink, "can't redirect an interface's packets (cls_u32, act_mirred)",
                RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, redirection(from, to));
}

}  // namespace

run::InterfaceRequest link_request(const std::string& name) {
  ifinfomsg head{};
  head.ifi_flags = IFF_UP;
  head.ifi_change = IFF_UP;
  NetlinkBody body(head);
  body.add(IFLA_IFNAME, std::string_view(name.c_str(), name.size() + 1));
  return {RTM_NEWLINK, offsetof(ifinfomsg, ifi_index), body.bytes()};
}

run::InterfaceRequest address_request(const NetlinkAnswer& address) {
  auto head = address.head<ifaddrmsg>();
  head.ifa_index = 0;
  // The address was looked for already, and answers for it come here.
  head.ifa_flags = head.ifa_family == AF_INET6 ? IFA_F_NODAD : 0;
  NetlinkBody body(head);
  copy_attributes(address, {IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST}, body);
  return {RTM_NEWADDR, offsetof(ifaddrmsg, ifa_index), body.bytes()};
}

run::InterfaceRequest route_request(const NetlinkAnswer& route) {
  auto head = route.head<rtmsg>();
  head.rtm_flags &= RTNH_F_ONLINK;
  NetlinkBody body(head);
  body.add(RTA_OIF, 0);
  const std::size_t index_at = body.bytes().size() - sizeof(int);
  copy_attributes(route, {RTA_DST, RTA_GATEWAY, RTA_PREFSRC, RTA_PRIORITY, RTA_METRICS}, body);
  return {RTM_NEWROUTE, static_cast<std::uint16_t>(index_at), body.bytes()};
}

run::InterfaceRequest neighbour_request(const NetlinkAnswer& neighbour) {
  auto head = neighbour.head<ndmsg>();
  head.ndm_ifindex = 0;
  NetlinkBody body(head);
  copy_attributes(neighbour, {NDA_DST, NDA_LLADDR}, body);
  return {RTM_NEWNEIGH, offsetof(ndmsg, ndm_ifindex), body.bytes()};
}

Result<std::vector<PodInterface>> read_pod_network() {
  if (::if_nametoindex(fmt::format("{}0", kTapPrefix).c_str()) != 0) {
    return make_error(ErrorCode::kBusy,
                      "the network namespace has a microVM already, and each has room for one");
  }
  BOTHY_TRY(const Netlink netlink, Netlink::open());
  std::vector<PodInterface> interfaces;
  BOTHY_TRY(netlink.dump(RTM_GETLINK, NetlinkBody(ifinfomsg{}), sizeof(ifinfomsg),
                         [&](const NetlinkAnswer& link) { add_interface(link, interfaces); }));
  BOTHY_TRY(netlink.dump(
      RTM_GETADDR, NetlinkBody(ifaddrmsg{}), sizeof(ifaddrmsg), [&](const NetlinkAnswer& address) {
        const auto head = address.head<ifaddrmsg>();
        PodInterface* interface = find_interface(interfaces, static_cast<int>(head.ifa_index));
        // Those of the link are the kernel's own, by the hardware address.
        if (interface != nullptr && head.ifa_scope != RT_SCOPE_LINK) {
          interface->guest.requests.push_back(address_request(address));
        }
      }));
  BOTHY_TRY(read_routes(netlink, interfaces));
  BOTHY_TRY(netlink.dump(RTM_GETNEIGH, NetlinkBody(ndmsg{}), sizeof(ndmsg),
                         [&](const NetlinkAnswer& neighbour) {
                           const auto head = neighbour.head<ndmsg>();
                           PodInterface* interface = find_interface(interfaces, head.ndm_ifindex);
                           if (interface != nullptr && (head.ndm_state & NUD_PERMANENT) != 0) {
                             interface->guest.requests.push_back(neighbour_request(neighbour));
                           }
                         }));
  return interfaces;
}

Result<void> connect_pod_network(const std::vector<PodInterface>& interfaces) {
  BOTHY_TRY(const Netlink netlink, Netlink::open());
  for (const PodInterface& interface : interfaces) {
    const auto tap = static_cast<int>(::if_nametoindex(interface.guest.tap.c_str()));
    if (tap == 0) {
      return errno_error(fmt::format("can't find the tap '{}'", interface.guest.tap));
    }
    BOTHY_TRY(redirect(netlink, interface.index, tap));
    BOTHY_TRY(redirect(netlink, tap, interface.index));
  }
  return success();
}

}  // namespace bothy::oci
