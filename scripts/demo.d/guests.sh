#!/usr/bin/env bash
# The demonstration of scripts/demo, for a machine whose KVM runs Linux: boots a bare kernel, then runs an image.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
cd "$BOTHY_ROOT"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BOTHY_STORE=$work/images BOTHY_RUN=$work/run

show() {
  say "bothy $*"
  build/release/bothy "$@"
}

show boot --kernel build/guest/x86_64/vmlinux --initrd build/guest/x86_64/testinit.cpio \
  --cpus 2 --memory 128M --cmdline quiet --timeout 120s --boot-timer

# A minimal root file system. Images of Docker, Podman and buildah are imported in the same way.
mkdir -p "$work/demo/bin"
cp /bin/busybox "$work/demo/bin"
for name in sh uname id ls; do ln -s busybox "$work/demo/bin/$name"; done
show image import "$work/demo"
show run --rm --network none demo sh -c 'echo "in the microVM: $(uname -sr), $(id), / contains:"; ls /'
say "on the machine around it: $(uname -sr)"
