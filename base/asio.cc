// Boost.Asio, compiled once for the whole program: as headers alone it would be compiled anew in
// every file that uses it.

// Without addresses, sockets and the resolver, which nothing here uses: getaddrinfo() in a static
// executable makes the linker warn. These are the include guards of the files that implement them.
#define BOOST_ASIO_DETAIL_IMPL_REACTIVE_SOCKET_SERVICE_BASE_IPP
#define BOOST_ASIO_DETAIL_IMPL_RESOLVER_SERVICE_BASE_IPP
#define BOOST_ASIO_DETAIL_SOCKET_OPS_IPP
#define BOOST_ASIO_IP_DETAIL_IMPL_ENDPOINT_IPP
#define BOOST_ASIO_IP_IMPL_ADDRESS_IPP
#define BOOST_ASIO_IP_IMPL_ADDRESS_V4_IPP
#define BOOST_ASIO_IP_IMPL_ADDRESS_V6_IPP
#define BOOST_ASIO_IP_IMPL_HOST_NAME_IPP
#define BOOST_ASIO_IP_IMPL_NETWORK_V4_IPP
#define BOOST_ASIO_IP_IMPL_NETWORK_V6_IPP

#include <boost/asio/impl/src.hpp>
