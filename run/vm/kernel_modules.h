// The modules that a guest's kernel needs before there is a root: found as modprobe(8) finds them,
// loaded by bothy-init.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "run/run_options.h"

namespace bothy::run {

// What depmod(8) knows of a kernel's modules. Names are without ".ko", with "_" for every "-".
class ModuleIndex {
 public:
  // The contents of modules.dep, modules.builtin, modules.softdep and modules.alias. kBadImage for
  // a modules.dep that leads out of its directory.
  [[nodiscard]] static Result<ModuleIndex> parse(std::string_view dependencies,
                                                 std::string_view builtin,
                                                 std::string_view soft_dependencies,
                                                 std::string_view aliases);

  // Whether the kernel has it at all.
  [[nodiscard]] bool has(const std::string& name) const;
  // Adds a module's file, as modules.dep has it, to `order`, after those that it depends on and
  // that aren't there yet. Nothing for one that is built in. kNotFound for one that the kernel
  // hasn't got.
  [[nodiscard]] Result<void> add(const std::string& name, std::vector<std::string>& order) const;

 private:
  struct Entry {
    std::string file;
    std::vector<std::string> needs;  // names, in the order of loading
  };
  [[nodiscard]] Result<void> add_entry(const Entry& entry, std::vector<std::string>& order,
                                       int depth) const;

  std::map<std::string, Entry, std::less<>> entries_;
  std::set<std::string, std::less<>> builtin_;
  std::map<std::string, std::vector<std::string>, std::less<>> soft_;  // what comes before
  std::multimap<std::string, std::string, std::less<>> aliases_;       // those that are plain names
};

struct KernelModule {
  std::string name;  // a file name, each once
  std::vector<std::byte> content;
};

// The modules that a microVM of these options needs, in the order of loading, unpacked. `directory`
// is lib/modules/VERSION of the kernel; nothing is needed when it is empty. kNotFound when the
// directory or a module of it doesn't exist; kInvalid without depmod's files.
[[nodiscard]] Result<std::vector<KernelModule>> read_modules(const std::string& directory,
                                                             const RunOptions& options);

}  // namespace bothy::run
