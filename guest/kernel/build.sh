#!/usr/bin/env bash
# The recipe of the guest kernel. scripts/guest-kernel runs it and counts it in the cache's key, so any change here means
# that kernels are compiled anew.
#   build.sh unpack TARBALL WORK
#   build.sh configure WORK ARCH FRAGMENT...
#   build.sh compile WORK ARCH JOBS           leaves vmlinux, bzImage, config and System.map in WORK/out
set -euo pipefail

# The same bytes from the same input, whoever builds them, where and when.
export KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' KBUILD_BUILD_USER=bothy KBUILD_BUILD_HOST=bothy LC_ALL=C TZ=UTC
unset KBUILD_OUTPUT KCONFIG_CONFIG KCONFIG_ALLCONFIG CROSS_COMPILE MAKEFLAGS

fail() {
  printf 'guest kernel: %s\n' "$*" >&2
  exit 1
}

# Sources of drivers that no guest has stay packed; their Kconfig and Makefiles are read all the same.
unpack() {
  local tarball=$1 work=$2 skipped=() directory
  for directory in drivers/gpu drivers/media drivers/staging drivers/infiniband drivers/scsi drivers/usb drivers/net/ethernet \
    drivers/net/wireless drivers/iio drivers/hwmon drivers/mtd drivers/accel sound fs/xfs fs/btrfs fs/ocfs2 \
    arch/alpha arch/arm arch/ia64 arch/m68k arch/mips arch/parisc arch/powerpc arch/riscv arch/s390 arch/sh arch/sparc; do
    skipped+=("--exclude=*/$directory/*.[chS]" "--exclude=*/$directory/*.dts" "--exclude=*/$directory/*.dtsi")
  done
  mkdir -p "$work/source"
  tar --extract --file "$tarball" --directory "$work/source" --strip-components=1 --no-same-owner \
    --wildcards "${skipped[@]}" --exclude='*/Documentation/*.rst' --exclude='*/Documentation/*.yaml' --exclude='*/Documentation/*.txt'
}

kernel_arch() {
  case $1 in
    x86_64) printf 'x86_64\n' ;;
    aarch64) printf 'arm64\n' ;;
    *) fail "unknown architecture $1" ;;
  esac
}

# Every line of the fragments must be what the resolved configuration says, and name a symbol that this kernel knows:
# Kconfig itself drops what it can't satisfy without a word.
verify() {
  local config=$1 known=$2
  shift 2
  awk '
    FILENAME == config { if (/^CONFIG_/) { at = index($0, "="); value[substr($0, 1, at - 1)] = substr($0, at + 1) } next }
    FILENAME == known { exists["CONFIG_" $1] = 1; next }
    /^CONFIG_/ {
      at = index($0, "="); symbol = substr($0, 1, at - 1); wanted = substr($0, at + 1)
      got = symbol in value ? value[symbol] : "n"
    }
    /^# CONFIG_[A-Za-z0-9_]+ is not set$/ { symbol = $2; wanted = "n"; got = symbol in value ? value[symbol] : "n" }
    symbol != "" {
      if (!(symbol in exists)) { print FILENAME ": " symbol ": this kernel has no such symbol"; bad = 1 }
      else if (symbol in asked) { print FILENAME ": " symbol ": asked for twice"; bad = 1 }
      else if (got != wanted) { print FILENAME ": " symbol ": wanted " wanted ", resolved to " got; bad = 1 }
      asked[symbol] = 1; symbol = ""
    }
    END { exit bad }' config="$config" known="$known" "$config" "$known" "$@" >&2
}

configure() {
  local work=$1 arch=$2
  shift 2
  local make=(make -C "$work/source" ARCH="$(kernel_arch "$arch")")
  "${make[@]}" tinyconfig
  (cd "$work/source" && scripts/kconfig/merge_config.sh -m .config "$@")
  "${make[@]}" olddefconfig
  find "$work/source" -name 'Kconfig*' -type f -exec sed -nE 's/^[[:space:]]*(menu)?config[[:space:]]+([A-Za-z0-9_]+).*/\2/p' {} + |
    sort -u >"$work/symbols"
  cp "$work/source/.config" "$work/config"
  verify "$work/config" "$work/symbols" "$@" || fail "the configuration doesn't resolve to what was asked for"
}

compile() {
  local work=$1 arch=$2 jobs=$3
  # Not through ccache: on C as quick to compile as this it doubles the time of the first build, the one that is waited for.
  make -C "$work/source" ARCH="$(kernel_arch "$arch")" CC=gcc -j"$jobs" vmlinux bzImage
  mkdir -p "$work/out"
  strip --strip-all -o "$work/out/vmlinux" "$work/source/vmlinux"
  cp "$work/source/arch/x86/boot/bzImage" "$work/source/System.map" "$work/out/"
  cp "$work/source/.config" "$work/out/config"
  # Monitors enter the ELF through this note.
  readelf --notes "$work/out/vmlinux" | grep -q 'Xen .*0x00000012' || fail "vmlinux has lost its PVH note"
}

case ${1:-} in
  unpack | configure | compile) "$@" ;;
  *) fail "unknown step '${1:-}'" ;;
esac
