# Makes the files that guests of a system test boot. Needs a network. To be sourced.
# shellcheck shell=bash

# prepare_guests NAME MODULES [FLAG OF guest-initrd]...: build/guest/ARCH/NAME.cpio for the project's kernel, NAME-cloud.cpio
# with MODULES for Debian's, and both kernels.
prepare_guests() {
  local name=$1 modules=$2 package
  shift 2
  scripts/guest-kernel
  scripts/guest-initrd --busybox "$@" --out "build/guest/x86_64/$name.cpio"
  package=$(scripts/debian-kernel cloud --modules)
  scripts/guest-initrd --busybox "$@" --out "build/guest/x86_64/$name-cloud.cpio" --modules "${package%/lib/modules/*}" "$modules"
  ln -sf "$(scripts/debian-kernel cloud)" build/guest/x86_64/cloud
}
