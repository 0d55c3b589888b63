#include "oci/pod_network.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <net/if.h>

#include <array>

#include "tests/support/catch.h"

namespace bothy::oci {
namespace {

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

template <class T>
T head_of(const run::InterfaceRequest& request) {
  T head{};
  REQUIRE(request.body.size() >= sizeof(head));
  std::memcpy(&head, request.body.data(), sizeof(head));
  return head;
}

int index_in(const run::InterfaceRequest& request) {
  int index = -1;
  REQUIRE(request.index_at + sizeof(index) <= request.body.size());
  std::memcpy(&index, request.body.data() + request.index_at, sizeof(index));
  return index;
}

}  // namespace

TEST_CASE("Attributes are aligned, and have the size of what is in them") {
  NetlinkBody body(std::uint32_t{1});
  const std::size_t begun = body.begin(7);
  body.add(8, std::string_view("abc"));
  body.end(begun);
  REQUIRE(body.bytes().size() == 4 + 4 + 8);
  CHECK(body.bytes()[4] == 12);  // the outer one's size
  CHECK(body.bytes()[6] == 7);
  CHECK(body.bytes()[8] == 7);  // the inner one's, without its padding
  CHECK(body.bytes()[10] == 8);
}

TEST_CASE("The guest's interface gets its name, and is set up") {
  const run::InterfaceRequest request = link_request("net1");
  CHECK(request.type == RTM_NEWLINK);
  CHECK(head_of<ifinfomsg>(request).ifi_flags == IFF_UP);
  CHECK(request.body.find(std::string("net1\0", 5)) != std::string::npos);
  CHECK(index_in(request) == 0);
}

TEST_CASE("An address is the guest's without looking for it once more") {
  ifaddrmsg head{};
  head.ifa_family = AF_INET6;
  head.ifa_prefixlen = 64;
  head.ifa_index = 9;
  in6_addr own{};
  ::inet_pton(AF_INET6, "fd00::1", &own);
  NetlinkAnswer answer;
  answer.header = bytes_of(head);
  answer.attributes[IFA_ADDRESS] = bytes_of(own);
  answer.attributes[IFA_CACHEINFO] = "how long it is valid";
  const run::InterfaceRequest request = address_request(answer);
  CHECK(request.type == RTM_NEWADDR);
  CHECK(head_of<ifaddrmsg>(request).ifa_flags == IFA_F_NODAD);
  CHECK(head_of<ifaddrmsg>(request).ifa_prefixlen == 64);
  CHECK(index_in(request) == 0);
  CHECK(request.body.find(bytes_of(own)) != std::string::npos);
  CHECK(request.body.find("valid") == std::string::npos);
}

TEST_CASE("A route keeps its way, and none of its state") {
  rtmsg head{};
  head.rtm_family = AF_INET;
  head.rtm_flags = RTNH_F_ONLINK | RTNH_F_LINKDOWN;
  const in_addr gateway{htonl(0x0a000001)};
  const int interface = 9;
  NetlinkAnswer answer;
  answer.header = bytes_of(head);
  answer.attributes[RTA_GATEWAY] = bytes_of(gateway);
  answer.attributes[RTA_OIF] = bytes_of(interface);
  const run::InterfaceRequest request = route_request(answer);
  CHECK(request.type == RTM_NEWROUTE);
  CHECK(head_of<rtmsg>(request).rtm_flags == RTNH_F_ONLINK);
  CHECK(index_in(request) == 0);
  CHECK(request.body.find(bytes_of(gateway)) != std::string::npos);
}

TEST_CASE("A neighbour has its hardware address") {
  ndmsg head{};
  head.ndm_family = AF_INET;
  head.ndm_ifindex = 9;
  head.ndm_state = NUD_PERMANENT;
  const std::array<char, 6> hardware{2, 0, 0, 0, 0, 9};
  NetlinkAnswer answer;
  answer.header = bytes_of(head);
  answer.attributes[NDA_LLADDR] = bytes_of(hardware);
  const run::InterfaceRequest request = neighbour_request(answer);
  CHECK(request.type == RTM_NEWNEIGH);
  CHECK(head_of<ndmsg>(request).ndm_state == NUD_PERMANENT);
  CHECK(index_in(request) == 0);
  CHECK(request.body.find(bytes_of(hardware)) != std::string::npos);
}

TEST_CASE("What a request lists has this namespace's loopback interface") {
  const Netlink netlink = Netlink::open().value();
  std::vector<std::string> names;
  REQUIRE(netlink.dump(RTM_GETLINK, NetlinkBody(ifinfomsg{}), sizeof(ifinfomsg),
                       [&](const NetlinkAnswer& link) {
                         names.emplace_back(link.attributes.at(IFLA_IFNAME).data());
                       }));
  CHECK(std::ranges::count(names, "lo") == 1);
  // The kernel's refusal is its errno value.
  ifinfomsg nothing{};
  nothing.ifi_index = 1 << 30;
  CHECK(netlink.request(RTM_DELLINK, 0, NetlinkBody(nothing)).value() != 0);
}

}  // namespace bothy::oci
