#!/usr/bin/env bash
# Disks: file systems of guests on virtio-block. Requires what boot.sh requires.
#
#   block.sh --prepare    makes the guests' files; needs a network
#   block.sh              with the project's kernel, and one step with Debian's for virtual machines
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --prepare ]; then
  . tests/system/prepare.sh
  prepare_guests block virtio_mmio,virtio_blk --with tests/system/block/guest.sh
  exit
fi
. tests/system/lib.sh
cp "$bothy" "$kernels"/{vmlinux,cloud,block.cpio,block-cloud.cpio} "$work"
bothy=$work/bothy

# guest KERNEL INITRD STEP [FLAG]...
guest() {
  local kernel=$1 initrd=$2 step=$3
  shift 3
  "$bothy" boot --kernel "$work/$kernel" --initrd "$work/$initrd" --timeout 1000s \
    --cmdline "quiet bothy.exec=\"/tests/system/block/guest.sh $step\"" "$@"
}
# waits NAME TEXT FILE: waits until FILE contains TEXT.
waits() {
  for _ in $(seq 9000); do
    if grep -q "$2" "$3"; then pass "$1" && return; fi
    sleep 0.1
  done
  cp "$3" "$work/out" && fail "$1" "'$2' didn't come"
}
clean() { # NAME
  run 0 "$1" -- e2fsck -fn "$root"
}

root=$work/root.img
truncate -s 64M "$root"
mke2fs -q -t ext4 "$root"
mkdir "$work/small"
mount -t tmpfs -o size=3m tmpfs "$work/small"
trap 'umount "$work/small"; rm -rf "$work"' EXIT
truncate -s 16M "$work/small/full.img" "$work/plain.img"

run 0 'a file system is written to; disks have ids, queues and errors' --out 'guest: ok write' \
  --out 'guest: serial=the-root ro=1 queues=2' --out 'guest: ok read-only' --out 'guest: ok no room' --out 'guest: ok alive' \
  --err 'No space left on device' -- guest vmlinux block.cpio write --cpus 2 \
  --disk "$root,id=the-root,queues=2" --disk "$work/plain.img,ro" --disk "$work/small/full.img"
clean 'it is clean after power-off'

before=$(stat -c %b "$root")
run 0 "Debian's cloud kernel reads what was written, and trims" --out 'guest: ok read' --out 'guest: ok trim' -- \
  guest cloud block-cloud.cpio trim --disk "$root"
after=$(stat -c %b "$root")
if [ $((before - after)) -ge 16000 ]; then pass 'the host has the blocks back'; else
  fail 'the host has the blocks back' "$before before, $after after"
fi

# A monitor that is killed while it writes, after it has completed a flush of some of the data.
guest vmlinux block.cpio killed --disk "$root,id=r" --control "$work/control" >"$work/killed" 2>&1 &
waits 'a guest flushes' 'guest: flushed' "$work/killed"
run 125 'a second writer is kept off' --err 'in use by another program' -- guest vmlinux block.cpio '' --disk "$root"
run 125 'and so is a reader' --err 'which writes to it' -- guest vmlinux block.cpio '' --disk "$root,ro"
truncate -s 80M "$root"
run 0 'a disk is resized while it runs' --out 83886080 -- "$bothy" control "$work/control" resize-disk r
run 125 'one that is not there is not' --err "'nothing'" -- "$bothy" control "$work/control" resize-disk nothing
waits 'its guest sees it' 'resized from 131072 to 163840' "$work/killed"
sleep 2
pkill -KILL -x bothy
wait %1 2>/dev/null || true
e2fsck -fp "$root" >/dev/null || true # replays the journal, as a mount does
clean 'it is clean after the monitor was killed'
wanted=$(sed -n 's/.*guest: flushed \([0-9a-f]*\).*/\1/p' "$work/killed")
if [ -n "$wanted" ] && [ "$(debugfs -R 'cat /b' "$root" 2>/dev/null | sha256sum)" = "$wanted  -" ]; then
  pass 'what was flushed is there'
else
  fail 'what was flushed is there' "not $wanted"
fi

# A root file system of its own, without an initrd.
mkdir -p "$work/tree/bin" "$work/tree/proc" "$work/tree/dev"
cp "$(command -v busybox)" "$work/tree/bin/busybox"
cp tests/system/block/root_init.sh "$work/tree/init"
rootfs=$work/rootfs.img
truncate -s 32M "$rootfs"
mke2fs -q -t ext4 -d "$work/tree" "$rootfs"
boot_root() {
  "$bothy" boot --kernel "$work/vmlinux" --cmdline 'quiet root=/dev/vda rw init=/init' --disk "$rootfs" --rng --timeout 1000s
}
run 0 'a disk is a root file system, and written to' --out 'guest: root is /dev/root ext4 rw' --out 'guest: ok written' \
  --out 'guest: entropy 16384' -- boot_root
run 0 'what was written survives power-off' --out 'guest: ok found' -- boot_root
run 0 'and it is clean' -- e2fsck -fn "$rootfs"

# A block device of the host: discards reach the file below it.
loop=$(losetup --find --show "$work/plain.img")
trap 'umount "$work/small"; losetup -d "$loop"; rm -rf "$work"' EXIT
mke2fs -q -t ext4 "$loop"
run 0 'a block device of the host is written to' --out 'guest: ok write' -- guest vmlinux block.cpio write --disk "$loop,direct" \
  --disk "$root,ro" --disk "$work/small/full.img"
sync
before=$(stat -c %b "$work/plain.img")
run 0 'and trimmed' --out 'guest: ok read' --out 'guest: ok trim' -- guest vmlinux block.cpio trim --disk "$loop"
after=$(stat -c %b "$work/plain.img")
if [ $((before - after)) -ge 16000 ]; then pass 'which what is below it sees'; else
  fail 'which what is below it sees' "$before before, $after after"
fi
mkdir "$work/mounted"
mount -o ro "$loop" "$work/mounted"
run 125 'one that the host has mounted is refused' --err 'in use' -- guest vmlinux block.cpio '' --disk "$loop"
umount "$work/mounted"

printf 'QFI\373\0\0\0\3' | dd of="$work/plain.img" conv=notrunc 2>/dev/null
run 126 'a qcow2 image is refused' --err "qemu-img convert -f qcow2 -O raw $work/plain.img" -- \
  guest vmlinux block.cpio '' --disk "$work/plain.img"
finish
