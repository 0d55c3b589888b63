// Boost.Asio, compiled once for the whole program: as headers alone it would be compiled anew in
// every file that uses it.
#include <boost/asio/impl/src.hpp>
