# What every target is built with, and bothy_room(): one library per room of the source tree.
include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "bothy needs Linux: it is built on KVM and namespaces")
endif()
# vmm/arch/<this>/ holds same-named files for each architecture; the build chooses, the code never asks.
set(BOTHY_ARCH "${CMAKE_SYSTEM_PROCESSOR}")
if(NOT BOTHY_ARCH STREQUAL "x86_64")
  message(FATAL_ERROR "bothy runs on x86_64; this is ${BOTHY_ARCH}")
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # By the compiler's own list of headers: a miss then needs no run of the preprocessor beside the compiler's. What is
  # precompiled may hold the time of day and macros that a source doesn't ask for.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
    CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros "${CCACHE}")
endif()

# One static executable starts faster and touches less memory than one that the loader puts together: nothing to look
# up, and of a library only what is used.
if(BOTHY_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
find_library(BOTHY_LIBURING uring REQUIRED)
find_library(BOTHY_NETTLE nettle REQUIRED)
find_package(LibArchive REQUIRED)
add_library(bothy_archive INTERFACE)
target_link_libraries(bothy_archive INTERFACE LibArchive::LibArchive)
if(BOTHY_STATIC)
  # What libarchive's decompressors stand on; the linker takes only what they use.
  foreach(library IN ITEMS lzma zstd lz4 bz2 z nettle)
    find_library(BOTHY_STATIC_${library} ${library} REQUIRED)
    target_link_libraries(bothy_archive INTERFACE "${BOTHY_STATIC_${library}}")
  endforeach()
  # An object, for the linker to have seen it before libzstd.
  add_library(bothy_zstd_legacy OBJECT "${CMAKE_SOURCE_DIR}/cmake/zstd_legacy.cc")
  target_compile_options(bothy_zstd_legacy PRIVATE -fPIE -ffunction-sections -fdata-sections)
  target_link_libraries(bothy_archive INTERFACE $<TARGET_OBJECTS:bothy_zstd_legacy>)
endif()
add_library(bothy::archive ALIAS bothy_archive)

# Debian has no static libfmt: ours, of the version that it is written for.
if(NOT BOTHY_STATIC)
  set(BOTHY_FMT fmt::fmt)
elseif(fmt_VERSION VERSION_GREATER_EQUAL 9 AND fmt_VERSION VERSION_LESS 10)
  add_library(bothy_fmt STATIC "${CMAKE_SOURCE_DIR}/cmake/fmt.cc")
  target_compile_options(bothy_fmt PRIVATE -fPIE -Oz -ffunction-sections -fdata-sections)
  set(BOTHY_FMT bothy_fmt)
else()
  set(BOTHY_FMT fmt::fmt-header-only)
endif()

add_library(bothy_options INTERFACE)
target_include_directories(bothy_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(bothy_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wimplicit-fallthrough -Werror -fno-math-errno -fstack-protector-strong -fPIE)
# Every library ends in an executable: code for them all is the same, and what is precompiled fits both.
target_link_options(bothy_options INTERFACE $<IF:$<BOOL:${BOTHY_STATIC}>,-static-pie,-pie>)
target_link_libraries(bothy_options INTERFACE ${BOTHY_FMT} Boost::headers Threads::Threads)
# GCC 12 finds these in std::vector's and std::string's own code once it has inlined it (GCC bugs 105329, 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  target_compile_options(bothy_options INTERFACE
    -Wno-stringop-overread -Wno-stringop-overflow -Wno-restrict)
endif()
# -O3 makes this program larger, not faster: the guest's time is spent in KVM.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(bothy_options INTERFACE _FORTIFY_SOURCE=2)
  target_compile_options(bothy_options INTERFACE -ffunction-sections -fdata-sections)
  target_link_options(bothy_options INTERFACE -Wl,--gc-sections -Wl,-z,relro,-z,now)
endif()
if(BOTHY_SANITIZE)
  list(JOIN BOTHY_SANITIZE "," sanitizers)
  target_compile_options(bothy_options INTERFACE
    -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(bothy_options INTERFACE -fsanitize=${sanitizers})
  # GCC's own documentation: sanitizers make this warning fire on code that is right (std::regex, std::function).
  target_compile_options(bothy_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  # Asio's hand-rolled fences are invisible to TSan, which then reports what they order.
  target_compile_definitions(bothy_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  # TSan ignores fences, and GCC warns of each. Ours order a store before a load of another word, which no happens-before
  # depends on: what is read after a ring's index is ordered by the index's acquire and release.
  if("thread" IN_LIST BOTHY_SANITIZE)
    target_compile_options(bothy_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()
if(BOTHY_FUZZ)
  # Every library must count its branches for libFuzzer to see which inputs lead somewhere new.
  target_compile_options(bothy_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
# Boost.Asio header-only but compiled once per user is slow and big: no exceptions cross a room, no Boost.System lib.
target_compile_definitions(bothy_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TS_EXECUTORS BOOST_ERROR_CODE_HEADER_ONLY)

# bothy_precompile(TARGET OWNER): TARGET's sources begin with the headers that OWNER has precompiled. They parse in half the
# time; that each includes what it uses is seen where nothing is precompiled, as in the preset `release`.
function(bothy_precompile target owner)
  if(BOTHY_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()
set(BOTHY_PRECOMPILED
  <algorithm> <array> <atomic> <chrono> <functional> <map> <memory> <mutex> <optional> <span> <string> <string_view>
  <thread> <utility> <vector> <boost/asio/io_context.hpp> <boost/asio/posix/stream_descriptor.hpp> <boost/asio/post.hpp>
  <boost/json.hpp> "${CMAKE_SOURCE_DIR}/base/result.h")
if(BOTHY_PRECOMPILE)
  add_library(bothy_precompiled STATIC "${CMAKE_SOURCE_DIR}/cmake/precompiled.cc")
  target_link_libraries(bothy_precompiled PRIVATE bothy_options)
  target_precompile_headers(bothy_precompiled PRIVATE ${BOTHY_PRECOMPILED})
endif()

# bothy_room(name SOURCES a.cc ... [DEPENDS bothy::x ...] [PRIVATE_DEPENDS lib ...])
# makes the library bothy_<name>, alias bothy::<name>.
function(bothy_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  if(ARG_SOURCES)
    add_library(bothy_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(bothy_${name} PUBLIC bothy_options ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS})
    bothy_precompile(bothy_${name} bothy_precompiled)
  else()
    add_library(bothy_${name} INTERFACE)
    target_link_libraries(bothy_${name} INTERFACE bothy_options ${ARG_DEPENDS})
  endif()
  add_library(bothy::${name} ALIAS bothy_${name})
endfunction()
