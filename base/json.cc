// Boost.JSON, compiled once for the whole program: distributions package it as a library only under
// names that carry Boost's version.
#include <boost/json/src.hpp>
