# Functions that run a Linux guest. To be sourced after lib.sh.
# shellcheck shell=bash disable=SC2154 # lib.sh sets work, bothy and kernels

# guest_files NAME FILE...: the monitor, the initrd and kernels, each under a NAME. The file tree may be remote: what is
# booted many times is read once.
guest_files() {
  cp "$bothy" "$kernels/testinit.cpio" "$work"
  bothy=$work/bothy
  while [ $# -gt 0 ]; do
    cp "$2" "$work/$1"
    shift 2
  done
}

# guest KERNEL CMDLINE [FLAG]...
guest() {
  local kernel=$1 words=$2
  shift 2
  "$bothy" boot --kernel "$work/$kernel" --initrd "$work/testinit.cpio" --cmdline "quiet $words" --timeout 1000s "$@"
}
