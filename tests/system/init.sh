#!/usr/bin/env bash
# bothy-init in guests of a busybox image, seen from a host that speaks its protocol. As root, which makes the image's tree;
# needs what boot.sh needs.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh

# 9p is slow for what is read again and again.
cp "$bothy" "$(dirname "$bothy")/guest/bothy-init" "$kernels/vmlinux" "$work"

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
  "$work/bothy" boot --kernel "$work/vmlinux" --disk "$disk,ro" --cmdline quiet --timeout 100s
