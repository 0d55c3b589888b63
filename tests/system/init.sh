#!/usr/bin/env bash
# bothy-init in guests of a busybox image, tested over its protocol. Requires root, for the image's tree, and what boot.sh
# requires.
#
#   init.sh --prepare    collects the required modules of Debian's kernel for virtual machines; needs a network
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --prepare ]; then
  package=$(scripts/debian-kernel cloud --modules)
  version=${package##*/}
  root=${package%/lib/modules/*}
  modules=build/guest/x86_64/init-modules
  rm -rf "$modules"
  mkdir -p "$modules"
  ln -sf "$(scripts/debian-kernel cloud)" build/guest/x86_64/cloud
  [ -e "$package/modules.dep.bin" ] || depmod -b "$root" "$version"
  number=10
  for name in virtio_mmio virtio_blk erofs overlay vmw_vsock_virtio_transport; do
    modprobe -d "$root" -S "$version" --show-depends "$name"
  done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
    cp "$file" "$modules/$number-${file##*/}"
    number=$((number + 1))
  done
  exit
fi
. tests/system/lib.sh

# 9p is slow: files that are read repeatedly are copied.
cp "$bothy" "$kernels/vmlinux" "$kernels/cloud" "$work"
cp "$(dirname "$bothy")/programs/bothy-guest_init" "$work/bothy-init"
cp -r "$kernels/init-modules" "$work/modules"

modprobe tun 2>/dev/null || true
tree=$work/tree
mkdir -p "$tree"/{bin,etc,root,srv,tmp,mnt}
cp /bin/busybox "$tree/bin/busybox"
chroot "$tree" /bin/busybox --install -s /bin
printf 'root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/srv:/bin/sh\n' >"$tree/etc/passwd"
printf 'root:x:0:\nwww:x:33:\nlog:x:40:www\n' >"$tree/etc/group"
ln -s /../../../../etc/link "$tree/mnt/link"
mkdir "$tree/etc/link"
chmod 1777 "$tree/tmp"

export BOTHY_STORE=$work/store XDG_RUNTIME_DIR=$work
"$work/bothy" image import "$tree" >/dev/null
disk=$(BOTHY_STORE=$work/store "$work/bothy" image build-disk tree)
PYTHONDONTWRITEBYTECODE=1 python3 tests/system/init/checks.py "$work/bothy-init" "$work" \
  "$work/bothy" boot --kernel "$work/vmlinux" --disk "$disk,ro" --timeout 1000s
