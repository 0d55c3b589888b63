// CgroupDetails: all that engines ask of a container's use of resources (`events --stats`). What
// this host doesn't count is 0.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bothy::container {

struct BlockCount {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::string operation;  // "Read", "Write", ...
  std::uint64_t value = 0;
};

struct CgroupDetails {
  struct Usage {  // bytes
    std::uint64_t now = 0;
    std::uint64_t most = 0;
    std::uint64_t limit = 0;     // 0: none
    std::uint64_t failures = 0;  // how often the limit was reached
  };

  std::uint64_t cpu_ns = 0;
  std::uint64_t user_ns = 0;
  std::uint64_t kernel_ns = 0;
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_ns = 0;

  Usage memory;
  Usage swap;  // v1: memory and swap
  std::uint64_t cache = 0;
  std::map<std::string, std::uint64_t> memory_counts;  // memory.stat
  std::uint64_t oom_kills = 0;

  std::uint64_t processes = 0;
  std::uint64_t process_limit = 0;  // 0: none

  std::vector<BlockCount> block_bytes;
  std::vector<BlockCount> block_operations;
  std::map<std::string, Usage> huge_pages;  // by "2MB"
};

// Parts of it, for tests. "8:0 rbytes=4096 wbytes=0 rios=1 ..." and "8:0 Read 4096": the counts of
// io.stat with these keys, and of a file of v1.
[[nodiscard]] std::vector<BlockCount> parse_io_stat(std::string_view text,
                                                    std::string_view read_key,
                                                    std::string_view write_key);
[[nodiscard]] std::vector<BlockCount> parse_block_counts(std::string_view text);

}  // namespace bothy::container
