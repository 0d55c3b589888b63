#include "vmm/boot/boot.h"

#include <span>
#include <utility>

#include "arch/layout.h"
#include "vmm/boot/boot_info.h"
#include "vmm/boot/initrd.h"

namespace bothy::boot {

Result<BootEntry> load(const BootRequest& request, GuestMemory& memory) {
  KernelOptions options = request.options;
  options.text = request.words.text;
  BOTHY_TRY(LoadedKernel kernel, load_kernel(request.kernel, options, memory));
  const auto& words = kernel.has_text ? request.words.with : request.words.without;
  CommandLine command_line = request.command_line;
  command_line.add_default(words.first);
  command_line.add_last_default(words.last);
  BOTHY_TRY(std::string line, command_line.assemble(kernel.command_line_limit));
  BOTHY_TRY(const MemoryRange initrd, load_initrd(request.initrds, kernel, memory));
  // With its NUL. A kernel loads at 1 MiB or above, so what lies below is there.
  if (!memory.write_bytes(layout::kCommandLine,
                          std::as_bytes(std::span(line.c_str(), line.size() + 1)))) {
    return make_error(ErrorCode::kExhausted, "the guest has too little memory to boot at all");
  }
  BOTHY_TRY(const GuestAddress boot_info,
            write_boot_info(kernel, {layout::kCommandLine, initrd, request.rsdp}, memory));
  return BootEntry{
      kernel.protocol, kernel.entry,    boot_info,       {kernel.start, kernel.end - kernel.start},
      initrd,          std::move(line), kernel.has_text, std::move(kernel.description)};
}

}  // namespace bothy::boot
