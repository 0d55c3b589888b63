#include "arch/boot/boot_protocol.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "arch/boot/bzimage.h"
#include "arch/boot/pvh_note.h"
#include "arch/kernel_parameters.h"
#include "arch/layout.h"
#include "vmm/boot/image/content.h"
#include "vmm/boot/image/elf_kernel.h"
#include "vmm/boot/image/huge_pages.h"
#include "vmm/boot/image/image_file.h"
#include "vmm/boot/image/unpack.h"

namespace bothy::boot {
namespace {

using arch::EntryProtocol;

// The program headers of an unpacked image must lie within its first bytes; the linker puts them
// directly behind the ELF header.
constexpr std::size_t kUnpackedHead = 32 * layout::kKiB;
// The value of every x86-64 kernel's header (arch/x86/boot/header.S, initrd_addr_max).
constexpr std::uint32_t kInitrdAddressMax = 0x7fffffff;

// What a boot loader without the bzImage's header must fill in (boot.rst, "64-bit Boot Protocol").
setup_header plain_header() noexcept {
  setup_header header{};
  header.boot_flag = 0xaa55;
  header.header = 0x53726448;  // "HdrS"
  header.version = 0x20f;
  header.loadflags = LOADED_HIGH;
  header.kernel_alignment = 0x1000000;
  header.initrd_addr_max = kInitrdAddressMax;
  header.cmdline_size = arch::kDefaultCommandLineLimit;
  return header;
}

LoadedKernel from_header(const setup_header& header) noexcept {
  LoadedKernel kernel;
  kernel.header = header;
  kernel.command_line_limit = std::min<std::uint64_t>(
      header.cmdline_size != 0 ? header.cmdline_size : 255, layout::kCommandLineMax - 1);
  kernel.initrd_end = GuestAddress{header.initrd_addr_max} + 1;
  return kernel;
}

// Finds the entry of a filled plan: its PVH note's, else by the 64-bit protocol.
Result<LoadedKernel> enter_elf(const std::string& name, const ElfPlan& plan,
                               const setup_header& header,
                               std::span<const std::string_view> texts) {
  LoadedKernel kernel = from_header(header);
  const auto pvh = find_pvh_entry(plan);
  kernel.protocol = pvh ? EntryProtocol::kPvh : EntryProtocol::kLinux64;
  kernel.entry = pvh.value_or(plan.elf_entry);
  kernel.start = plan.start;
  kernel.end = plan.end;
  kernel.has_texts =
      std::ranges::all_of(texts, [&plan](std::string_view text) { return has_text(plan, text); });
  if (!has_code_at(plan, kernel.entry)) {
    return make_error(ErrorCode::kBadInput,
                      "{} can't be entered: its {} entry point {:#x} lies outside its segments",
                      name, pvh ? "PVH" : "ELF", kernel.entry);
  }
  return kernel;
}

std::string_view protocol_name(EntryProtocol protocol) noexcept {
  return protocol == EntryProtocol::kPvh ? "PVH" : "the 64-bit protocol";
}

Result<LoadedKernel> load_elf(const ImageFile& file, Bytes head, const KernelOptions& options,
                              GuestMemory& memory) {
  BOTHY_TRY(const Elf64_Ehdr header, check_elf_header(file.name(), head));
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  BOTHY_TRY(file.read(header.e_phoff, std::as_writable_bytes(std::span(segments))));
  BOTHY_TRY(const ElfPlan plan, plan_elf(file.name(), header, segments, file.size(), memory));
  advise_huge_pages(memory, {plan.start, plan.end - plan.start});
  for (const ElfPiece& piece : plan.pieces) {
    BOTHY_TRY(file.read_over_zeros(piece.offset, piece.to));
  }
  BOTHY_TRY(LoadedKernel kernel, enter_elf(file.name(), plan, plain_header(), options.texts));
  kernel.description = fmt::format("ELF kernel, booted through {}", protocol_name(kernel.protocol));
  return kernel;
}

Result<ElfPlan> plan_unpacked(const std::string& name, Bytes head, std::uint64_t limit,
                              const GuestMemory& memory) {
  if (const Content content = detect_content(head); content != Content::kElf) {
    return make_error(ErrorCode::kBadInput, "{} holds {}, not an x86-64 kernel", name,
                      describe(content));
  }
  BOTHY_TRY(const Elf64_Ehdr header, check_elf_header(name, head));
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  const std::size_t size = segments.size() * sizeof(Elf64_Phdr);
  if (header.e_phoff > head.size() || size > head.size() - header.e_phoff) {
    return make_error(ErrorCode::kBadInput, "{} is damaged: it has no program headers", name);
  }
  std::memcpy(segments.data(), head.data() + header.e_phoff, size);
  return plan_elf(name, header, segments, limit, memory);
}

// Copies the part of `block`, which lies at `offset` of the image, that falls into each piece.
void deal_out(const ElfPlan& plan, std::uint64_t offset, Bytes block) {
  for (const ElfPiece& piece : plan.pieces) {
    const std::uint64_t start = std::max(offset, piece.offset);
    const std::uint64_t end = std::min(offset + block.size(), piece.offset + piece.to.size());
    if (start < end) {
      std::memcpy(piece.to.data() + (start - piece.offset), block.data() + (start - offset),
                  end - start);
    }
  }
}

// A compressed run of the file that may hold a kernel, its first bytes unpacked.
struct Packed {
  UnpackStream stream;
  Bytes head;  // the first unpacked bytes: in `joined`, or in the stream's block
  std::vector<std::byte> joined;
};

Result<Packed> open_packed(const ImageFile& file, std::uint64_t offset, std::uint64_t size,
                           Content format) {
  BOTHY_TRY(UnpackStream stream, UnpackStream::open(file, offset, size, format));
  Packed packed{std::move(stream), {}, {}};
  BOTHY_TRY(packed.head, packed.stream.next());
  while (packed.head.size() < kUnpackedHead) {
    if (packed.joined.empty()) {
      packed.joined.assign(packed.head.begin(), packed.head.end());
    }
    BOTHY_TRY(const Bytes block, packed.stream.next());
    packed.joined.insert(packed.joined.end(), block.begin(), block.end());
    packed.head = packed.joined;
    if (block.empty()) {
      break;
    }
  }
  return packed;
}

// Unpacks until the plan has all of its bytes, and no further: symbols and relocations follow.
Result<void> fill_from(Packed packed, const std::string& name, const ElfPlan& plan) {
  deal_out(plan, 0, packed.head);
  std::uint64_t at = packed.head.size();
  while (at < plan.image_size) {
    BOTHY_TRY(const Bytes block, packed.stream.next());
    if (block.empty()) {
      return make_error(ErrorCode::kBadInput,
                        "{} is damaged: unpacked, it ends after {} bytes of {}", name, at,
                        plan.image_size);
    }
    deal_out(plan, at, block);
    at += block.size();
  }
  return success();
}

Result<LoadedKernel> load_packed_elf(const ImageFile& file, Content format,
                                     const KernelOptions& options, GuestMemory& memory) {
  auto packed = open_packed(file, 0, file.size(), format);
  if (!packed) {
    Error error = std::move(packed).error();
    if (error.code == ErrorCode::kUnsupported) {
      return make_error(ErrorCode::kBadInput, "{} is {}: {}; unpack the file first", file.name(),
                        describe(format), error.context);
    }
    return error;
  }
  BOTHY_TRY(const ElfPlan plan,
            plan_unpacked(file.name(), packed.value().head, options.unpack_limit, memory));
  advise_huge_pages(memory, {plan.start, plan.end - plan.start});
  BOTHY_TRY(fill_from(std::move(packed).value(), file.name(), plan));
  BOTHY_TRY(LoadedKernel kernel, enter_elf(file.name(), plan, plain_header(), options.texts));
  kernel.description = fmt::format("{} of an ELF kernel, booted through {}", describe(format),
                                   protocol_name(kernel.protocol));
  return kernel;
}

// Either the payload's kernel, or the reason why it can't be entered directly.
struct PayloadOutcome {
  std::optional<LoadedKernel> kernel;
  std::string reason;
};

// Damage and lack of memory are errors: the kernel's own unpacker would fail silently. A format
// that this loader doesn't support is not.
Result<PayloadOutcome> load_payload(const ImageFile& file, const BzImage& image,
                                    const KernelOptions& options, GuestMemory& memory) {
  if (image.payload_size == 0) {
    return PayloadOutcome{{}, "its header has no payload"};
  }
  std::vector<std::byte> magic(
      static_cast<std::size_t>(std::min<std::uint64_t>(image.payload_size, 16)));
  BOTHY_TRY(file.read(image.payload, magic));
  const Content format = detect_content(magic);
  // Linux's build appends the unpacked size to all but gzip, which ends with it anyway (boot.rst
  // doesn't say; scripts/Makefile.lib, size_append).
  const std::uint64_t trailer = format == Content::kGzip ? 0 : 4;
  auto packed = open_packed(file, image.payload,
                            image.payload_size - std::min(trailer, image.payload_size), format);
  if (!packed) {
    if (packed.error().code == ErrorCode::kUnsupported) {
      return PayloadOutcome{{}, packed.error().context};
    }
    return std::move(packed).error();
  }
  auto plan = plan_unpacked("its payload", packed.value().head, options.unpack_limit, memory);
  if (!plan) {
    if (plan.error().code == ErrorCode::kBadInput) {
      return PayloadOutcome{{}, plan.error().context};
    }
    return std::move(plan).error();
  }
  advise_huge_pages(memory, {plan.value().start, plan.value().end - plan.value().start});
  BOTHY_TRY(fill_from(std::move(packed).value(), file.name(), plan.value()));
  BOTHY_TRY(LoadedKernel kernel, enter_elf(file.name(), plan.value(), image.header, options.texts));
  kernel.description = fmt::format("{} payload, booted directly through {}",
                                   compression_name(format), protocol_name(kernel.protocol));
  return PayloadOutcome{std::move(kernel), {}};
}

Result<LoadedKernel> load_any_bzimage(const ImageFile& file, Bytes head,
                                      const KernelOptions& options, GuestMemory& memory) {
  BOTHY_TRY(const BzImage image, read_bzimage(file, head));
  const std::string title =
      image.version.empty() ? "bzImage" : fmt::format("Linux {} bzImage", image.version);
  std::string reason = "as requested";
  if (options.unpack) {
    BOTHY_TRY(PayloadOutcome outcome, load_payload(file, image, options, memory));
    if (outcome.kernel) {
      outcome.kernel->description = fmt::format("{}, {}", title, outcome.kernel->description);
      return *std::move(outcome.kernel);
    }
    reason = std::move(outcome.reason);
  }
  BOTHY_TRY(load_bzimage(file, image, memory));
  LoadedKernel kernel = from_header(image.header);
  kernel.protocol = image.entry64 ? EntryProtocol::kLinux64 : EntryProtocol::kLinux32;
  // boot.rst, "64-bit Boot Protocol": the entry is 0x200 into the kernel.
  kernel.entry = image.load_address + (image.entry64 ? 0x200 : 0);
  kernel.start = image.load_address;
  kernel.end = image.load_address + image.run_size;
  kernel.header.code32_start = static_cast<std::uint32_t>(image.load_address);
  kernel.description = fmt::format("{}, unpacking itself from its {}-bit entry ({})", title,
                                   image.entry64 ? 64 : 32, reason);
  return kernel;
}

}  // namespace

Result<LoadedKernel> load_kernel(const std::string& path, const KernelOptions& options,
                                 GuestMemory& memory) {
  BOTHY_TRY(const ImageFile file, ImageFile::open(path, "kernel"));
  BOTHY_TRY(const std::vector<std::byte> head, file.head(kContentHead));
  const Content content = detect_content(head);
  if (content == Content::kElf) {
    return load_elf(file, head, options, memory);
  }
  if (content == Content::kBzImage) {
    return load_any_bzimage(file, head, options, memory);
  }
  if (!compression_name(content).empty()) {
    return load_packed_elf(file, content, options, memory);
  }
  return make_error(ErrorCode::kBadInput,
                    "{} is {}, not an x86-64 kernel; give a bzImage (vmlinuz) or an ELF vmlinux",
                    file.name(), describe(content));
}

}  // namespace bothy::boot
