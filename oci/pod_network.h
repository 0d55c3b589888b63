// The network of a container that is a microVM: what its engine has set up in the network namespace
// becomes the guest's. Each interface's packets are redirected to a tap and back, and the guest's
// own interface has its address, MTU, routes and permanent neighbours.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "oci/netlink.h"
#include "run/vm/guest_parts.h"

namespace bothy::oci {

struct PodInterface {
  int index = 0;  // in this process's network namespace
  run::GuestInterface guest;
};

// The Ethernet interfaces of this process's network namespace, which are up. kBusy when there is a
// microVM in it already.
[[nodiscard]] Result<std::vector<PodInterface>> read_pod_network();

// Redirects what comes in by each interface to its tap, and what comes from that to the interface
// (tc-mirred(8)). The taps exist.
[[nodiscard]] Result<void> connect_pod_network(const std::vector<PodInterface>& interfaces);

// Requests of the guest's kernel: parts of read_pod_network().
[[nodiscard]] run::InterfaceRequest link_request(const std::string& name);
[[nodiscard]] run::InterfaceRequest address_request(const NetlinkAnswer& address);
[[nodiscard]] run::InterfaceRequest route_request(const NetlinkAnswer& route);
[[nodiscard]] run::InterfaceRequest neighbour_request(const NetlinkAnswer& neighbour);

}  // namespace bothy::oci
