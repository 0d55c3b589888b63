# Options of every target, and bothy_room(): one library for each room of the source tree.
include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "bothy needs Linux: it is built on KVM and namespaces")
endif()
# vmm/arch/<architecture>/ holds same-named files for each architecture; the build chooses one.
set(BOTHY_ARCH "${CMAKE_SYSTEM_PROCESSOR}")
if(NOT BOTHY_ARCH STREQUAL "x86_64")
  message(FATAL_ERROR "bothy runs on x86_64; this is ${BOTHY_ARCH}")
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_SOURCE_DIR}/cmake/compiler-cache")
endif()

# A static executable starts faster and uses less memory than a dynamic one: no symbols to look up, and only the used parts of
# each library.
if(BOTHY_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()

enable_language(ASM)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
find_library(BOTHY_LIBURING uring REQUIRED)
find_library(BOTHY_NETTLE nettle REQUIRED)
find_library(BOTHY_SECCOMP seccomp REQUIRED)
find_package(LibArchive REQUIRED)
add_library(bothy_archive INTERFACE)
target_link_libraries(bothy_archive INTERFACE LibArchive::LibArchive)
if(BOTHY_STATIC)
  # The dependencies of libarchive's decompressors.
  foreach(library IN ITEMS lzma zstd lz4 bz2 z nettle)
    find_library(BOTHY_STATIC_${library} ${library} REQUIRED)
    target_link_libraries(bothy_archive INTERFACE "${BOTHY_STATIC_${library}}")
  endforeach()
  # An object, so that the linker reads it before libzstd.
  add_library(bothy_zstd_legacy OBJECT "${CMAKE_SOURCE_DIR}/cmake/zstd_legacy.cc")
  target_compile_options(bothy_zstd_legacy PRIVATE -fPIE -ffunction-sections -fdata-sections)
  target_link_libraries(bothy_archive INTERFACE $<TARGET_OBJECTS:bothy_zstd_legacy>)
endif()
add_library(bothy::archive ALIAS bothy_archive)

# Debian has no static libfmt, so cmake/fmt.cc compiles it, for the version that it is written for. Only headers would cost
# two to four seconds of compiling in each file that formats an error, which is more than most files take without them.
if(NOT BOTHY_STATIC)
  set(BOTHY_FMT fmt::fmt)
elseif(fmt_VERSION VERSION_GREATER_EQUAL 9 AND fmt_VERSION VERSION_LESS 10)
  add_library(bothy_fmt STATIC "${CMAKE_SOURCE_DIR}/cmake/fmt.cc")
  target_compile_options(bothy_fmt PRIVATE -fPIE -ffunction-sections -fdata-sections)
  set(BOTHY_FMT bothy_fmt)
else()
  set(BOTHY_FMT fmt::fmt-header-only)
endif()

add_library(bothy_options INTERFACE)
target_include_directories(bothy_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(bothy_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wimplicit-fallthrough -Werror -fno-math-errno -fstack-protector-strong -fPIE
  # No object says where its source was: the same source gives the same object in any checkout.
  "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
# Every library is linked into an executable: all code is position-independent in the same way, and one precompiled header
# fits libraries and executables.
target_link_options(bothy_options INTERFACE $<IF:$<BOOL:${BOTHY_STATIC}>,-static-pie,-pie>)
target_link_libraries(bothy_options INTERFACE ${BOTHY_FMT} Boost::headers Threads::Threads)
# GCC 12 finds these in std::vector's and std::string's own code once it has inlined it (GCC bugs 105329, 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  target_compile_options(bothy_options INTERFACE
    -Wno-array-bounds -Wno-stringop-overread -Wno-stringop-overflow -Wno-restrict)
endif()
# -O3 makes this program larger, not faster: guests run in KVM.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# Lines for backtraces. Types and variables would double what is written and linked; -DCMAKE_CXX_FLAGS=-g brings them back.
set(CMAKE_CXX_FLAGS_DEBUG "-g1")
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
  # According to GCC's documentation, sanitizers cause false positives of this warning (std::regex, std::function).
  target_compile_options(bothy_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  # TSan doesn't see Asio's own fences, and reports the accesses that they order.
  target_compile_definitions(bothy_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  # TSan ignores fences, and GCC warns about each. Bothy's fences order a store before a load of another word, on which no
  # happens-before relation depends: reads after a ring's index are ordered by the index's acquire and release.
  if("thread" IN_LIST BOTHY_SANITIZE)
    target_compile_options(bothy_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()
if(BOTHY_FUZZ)
  # Every library must count its branches for libFuzzer to see which inputs lead somewhere new. It takes a third of the
  # compiler's time, so targets that no fuzz target links have the property BOTHY_NOT_FUZZED.
  target_compile_options(bothy_options INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:BOTHY_NOT_FUZZED>>>:-fsanitize=fuzzer-no-link>)
endif()
# Boost.Asio is compiled once, in base/asio.cc. Boost.System needs no library.
target_compile_definitions(bothy_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TS_EXECUTORS BOOST_ERROR_CODE_HEADER_ONLY)

# bothy_precompile(TARGET OWNER): TARGET's sources begin with the headers that OWNER has precompiled. Files parse in half the
# time; BOTHY_PRECOMPILE=OFF shows whether each file includes what it uses.
function(bothy_precompile target owner)
  if(BOTHY_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()
# bothy_precompiled(NAME LIBRARY HEADER...): makes the OWNER of the above, compiled with LIBRARY's flags. System headers only:
# a change to one of ours would compile everything anew.
function(bothy_precompiled name library)
  if(BOTHY_PRECOMPILE)
    add_library(${name} STATIC "${CMAKE_SOURCE_DIR}/cmake/precompiled.cc")
    target_link_libraries(${name} PRIVATE ${library})
    target_precompile_headers(${name} PRIVATE ${ARGN})
    # With times in it, clang would refuse it after a header was installed again, and ccache can't use it.
    target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>)
  endif()
endfunction()
set(BOTHY_PRECOMPILED
  <algorithm> <array> <atomic> <chrono> <functional> <map> <memory> <mutex> <optional> <span> <string> <string_view>
  <thread> <utility> <vector> <fmt/format.h> <boost/asio/io_context.hpp> <boost/asio/posix/stream_descriptor.hpp>
  <boost/asio/post.hpp> <boost/json.hpp> <boost/outcome/basic_result.hpp> <boost/outcome/policy/terminate.hpp>
  <boost/outcome/success_failure.hpp> <boost/outcome/try.hpp>)
bothy_precompiled(bothy_precompiled bothy_options ${BOTHY_PRECOMPILED})

# bothy_cold(TARGET): no guest's exit and no request of a guest's device passes through TARGET. The preset `release` compiles it for
# size, which takes a quarter off the executable and costs an image's import 1 % of its time. The others compile all code alike.
function(bothy_cold target)
  target_compile_options(${target} PRIVATE ${BOTHY_COLD_OPTIONS})
  bothy_precompile(${target} ${BOTHY_COLD_PRECOMPILED})
endfunction()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(BOTHY_COLD_OPTIONS -Os)
  # GCC refuses a header that was precompiled with another -O.
  set(BOTHY_COLD_PRECOMPILED bothy_cold_precompiled)
  add_library(bothy_cold_options INTERFACE)
  target_link_libraries(bothy_cold_options INTERFACE bothy_options)
  target_compile_options(bothy_cold_options INTERFACE ${BOTHY_COLD_OPTIONS})
  bothy_precompiled(bothy_cold_precompiled bothy_cold_options ${BOTHY_PRECOMPILED})
else()
  set(BOTHY_COLD_OPTIONS)
  set(BOTHY_COLD_PRECOMPILED bothy_precompiled)
endif()

# bothy_room(name [COLD] SOURCES a.cc ... [COLD_SOURCES b.cc ...] [DEPENDS bothy::x ...] [PRIVATE_DEPENDS lib ...])
# makes the library bothy_<name>, alias bothy::<name>. COLD: see bothy_cold(); of COLD_SOURCES, where not all of a room is cold.
function(bothy_room name)
  cmake_parse_arguments(ARG "COLD" "" "SOURCES;COLD_SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  if(ARG_SOURCES)
    add_library(bothy_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(bothy_${name} PUBLIC bothy_options ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS})
    if(ARG_COLD)
      bothy_cold(bothy_${name})
    else()
      bothy_precompile(bothy_${name} bothy_precompiled)
    endif()
    if(ARG_COLD_SOURCES)
      add_library(bothy_${name}_cold OBJECT ${ARG_COLD_SOURCES})
      target_link_libraries(bothy_${name}_cold PRIVATE bothy_options ${ARG_DEPENDS} ${ARG_PRIVATE_DEPENDS})
      bothy_cold(bothy_${name}_cold)
      target_sources(bothy_${name} PRIVATE $<TARGET_OBJECTS:bothy_${name}_cold>)
    endif()
  else()
    add_library(bothy_${name} INTERFACE)
    target_link_libraries(bothy_${name} INTERFACE bothy_options ${ARG_DEPENDS})
  endif()
  add_library(bothy::${name} ALIAS bothy_${name})
endfunction()

# bothy_link_statically(PROGRAM): where BOTHY_STATIC wants it. Relative relocations are packed: there are thousands, and each page of theirs
# is a fault at start. lld, where it is installed, also makes one of functions that are equal (instances of templates, above all): 4 % of
# the executable.
function(bothy_link_statically program)
  if(NOT BOTHY_STATIC)
    return()
  endif()
  find_program(BOTHY_LLD ld.lld)
  if(BOTHY_LLD)
    target_link_options(${program} PRIVATE -fuse-ld=lld -Wl,--icf=all,--pack-dyn-relocs=relr)
  else()
    target_link_options(${program} PRIVATE -Wl,-z,pack-relative-relocs)
  endif()
endfunction()

# bothy_embedded_program(name SYMBOL kName SOURCES a.cc ... [HEADERS b.h ...] [LINK option ...]): a small static program that runs elsewhere than
# bothy: by the C compiler's driver, which links no C++ library, against musl: as static as it gets, a tenth of glibc's size, and
# the same from every preset. The object library bothy_<name>_program has its bytes between the symbols kNameBegin and kNameEnd.
function(bothy_embedded_program name)
  cmake_parse_arguments(ARG "" "SYMBOL" "SOURCES;HEADERS;LINK" ${ARGN})
  find_program(BOTHY_MUSL_COMPILER NAMES x86_64-linux-gnu-gcc gcc REQUIRED)
  set(specs /usr/lib/x86_64-linux-musl/musl-gcc.specs)
  if(NOT EXISTS ${specs})
    message(FATAL_ERROR "${name} is built against musl, which isn't here: run scripts/setup")
  endif()
  set(program "${CMAKE_BINARY_DIR}/programs/bothy-${name}")
  file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/programs")
  # Kernel headers are not among musl's, and come last: what both have is musl's.
  add_custom_command(OUTPUT ${program}
    COMMAND ${BOTHY_MUSL_COMPILER} -std=c++20 -specs=${specs} -nostdinc++ -fno-exceptions -fno-rtti -fno-threadsafe-statics
      -fno-asynchronous-unwind-tables -fno-stack-protector -Os -Wall -Wextra -Wshadow -Werror
      -ffunction-sections -fdata-sections -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -I${CMAKE_SOURCE_DIR}
      -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu
      -static -s -Wl,--gc-sections,--build-id=none,-z,noseparate-code ${ARG_LINK} -o ${program} ${ARG_SOURCES}
    DEPENDS ${ARG_SOURCES} ${ARG_HEADERS}
    COMMENT "Building programs/bothy-${name}"
    VERBATIM)
  add_custom_target(${name}_program DEPENDS ${program})
  # A copy for each program: a source's properties are of its directory.
  configure_file("${CMAKE_SOURCE_DIR}/cmake/embedded_program.S" "${CMAKE_CURRENT_BINARY_DIR}/${name}_program.S" COPYONLY)
  # Apart: the options for C++ are none for the assembler.
  add_library(bothy_${name}_program OBJECT "${CMAKE_CURRENT_BINARY_DIR}/${name}_program.S")
  set_source_files_properties("${CMAKE_CURRENT_BINARY_DIR}/${name}_program.S" PROPERTIES OBJECT_DEPENDS "${program}")
  target_compile_definitions(bothy_${name}_program PRIVATE
    BOTHY_PROGRAM="${program}" BOTHY_PROGRAM_BEGIN=${ARG_SYMBOL}Begin BOTHY_PROGRAM_END=${ARG_SYMBOL}End)
  add_dependencies(bothy_${name}_program ${name}_program)
endfunction()
