// The modules that a guest's kernel needs before the root file system is mounted: found as
// modprobe(8) does, loaded by bothy-init.
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

// The index that depmod(8) makes of a kernel's modules. Names have no ".ko", and "_" for "-".
class ModuleIndex {
 public:
  // The contents of modules.dep, modules.builtin, modules.softdep and modules.alias. kBadInput for
  // a modules.dep that names files outside of its directory.
  [[nodiscard]] static Result<ModuleIndex> parse(std::string_view dependencies,
                                                 std::string_view builtin,
                                                 std::string_view soft_dependencies,
                                                 std::string_view aliases);

  // Whether the module exists, built in or not.
  [[nodiscard]] bool has(const std::string& name) const;
  // Appends the module's file, as modules.dep names it, to `order`, after the modules that it
  // depends on; each file once. Nothing for a module that is built in. kNotFound for an unknown
  // one.
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
  std::map<std::string, std::vector<std::string>, std::less<>> soft_;  // loaded before
  std::multimap<std::string, std::string, std::less<>> aliases_;       // without patterns
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
