#include "vmm/boot/boot.h"

#include <span>
#include <utility>

#include "arch/layout.h"
#include "vmm/boot/initrd.h"

namespace bothy::boot {

Result<BootEntry> load(const BootRequest& request, GuestMemory& memory) {
  KernelOptions options = request.options;
  options.texts = request.parameters.texts;
  BOTHY_TRY(LoadedKernel kernel, load_kernel(request.kernel, options, memory));
  const auto& parameters = kernel.has_texts ? request.parameters.with : request.parameters.without;
  CommandLine command_line = request.command_line;
  command_line.add_default(parameters.first);
  command_line.add_last_default(parameters.last);
  BOTHY_TRY(std::string line, command_line.assemble(kernel.command_line_limit));
  BOTHY_TRY(const MemoryRange initrd,
            load_initrd(request.initrds, {kernel.end, kernel.initrd_end}, memory));
  // With its NUL.
  if (!memory.write_bytes(layout::kCommandLine,
                          std::as_bytes(std::span(line.c_str(), line.size() + 1)))) {
    return make_error(ErrorCode::kExhausted,
                      "the guest has too little memory for its command line");
  }
  BOTHY_TRY(const arch::CpuEntry cpu,
            prepare_entry(kernel, {layout::kCommandLine, initrd, request.firmware}, memory));
  return BootEntry{cpu,
                   {kernel.start, kernel.end - kernel.start},
                   initrd,
                   std::move(line),
                   kernel.has_texts,
                   std::move(kernel.description)};
}

}  // namespace bothy::boot
