#!/usr/bin/env bash
# Images of other programs, through the command line: a disk, mounted by Linux, has the same content as umoci and tar unpack.
# Requires root and a kernel with erofs and loop devices, as in the rig.
#
#   image.sh --prepare    fetches Debian's registry; needs a network
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib.sh
registry=$(debian_package docker-registry)/usr/bin/docker-registry
[ "${1:-}" != --prepare ] || exit 0
. tests/system/lib.sh

for module in loop erofs; do modprobe "$module" 2>/dev/null || true; done
grep -qw erofs /proc/filesystems || { echo "this kernel has no erofs: scripts/rig has one" >&2 && exit 1; }

# A file system with attributes of every kind, unlike tmpfs.
truncate -s 512M "$work/ext4"
mkfs.ext4 -q "$work/ext4"
mkdir "$work/fs" "$work/mnt"
mount -o loop "$work/ext4" "$work/fs"
trap '{ umount "$work/mnt" || true; umount "$work/fs" || true; } 2>/dev/null; rm -rf "$work"' EXIT
fs=$work/fs
export BOTHY_STORE=$fs/store XDG_RUNTIME_DIR=$work

image() { "$bothy" image "$@"; }

# same NAME TREE IMAGE: a disk of IMAGE, mounted, has the same content and metadata as TREE.
same() {
  local disk
  if ! disk=$(image build-disk "$3" 2>"$work/err") || ! mount -t erofs -o loop,ro "$disk" "$work/mnt" 2>>"$work/err"; then
    : >"$work/out"
    fail "$1" "no disk that can be mounted"
    return
  fi
  python3 tests/system/tree_listing.py "$2" >"$work/wanted"
  python3 tests/system/tree_listing.py "$work/mnt" >"$work/got"
  umount "$work/mnt"
  diff "$work/wanted" "$work/got" >"$work/out" || { fail "$1" "the trees differ" && return; }
  [ "$(wc -l <"$work/got")" -gt 10 ] || { fail "$1" "next to nothing is in it" && return; }
  fsck.erofs "$disk" >"$work/out" 2>&1 || { fail "$1" "fsck.erofs finds fault" && return; }
  pass "$1"
}

# A root file system with files of every kind.
make_tree() {
  mkdir -p "$1"/{bin,dev,etc,tmp,many,deep/er/still,"odd names"}
  cp /bin/busybox "$1/bin/busybox"
  for name in sh ls cat; do ln -s busybox "$1/bin/$name"; done
  ln "$1/bin/busybox" "$1/bin/hard"
  ln -s /absolute/nowhere "$1/etc/dangling"
  ln -s "$(printf 'long%.0s' $(seq 500))" "$1/etc/long"
  echo root:x:0:0:root:/root:/bin/sh >"$1/etc/passwd"
  head -c 70000 /dev/urandom >"$1/etc/random"
  head -c 4096 /dev/urandom >"$1/etc/block"
  : >"$1/etc/empty"
  truncate -s 20M "$1/etc/sparse"
  printf middle | dd of="$1/etc/sparse" bs=1 seek=9000000 conv=notrunc status=none
  printf end | dd of="$1/etc/sparse" bs=1 seek=20971517 conv=notrunc status=none
  chmod 1777 "$1/tmp"
  chmod 6755 "$1/bin/cat" "$1/bin/hard"
  chmod 000 "$1/etc/empty"
  chown 1000:2000 "$1/etc/passwd"
  chown 4000000000:3000000000 "$1/etc/block"
  chown -h 12:34 "$1/bin/ls"
  mknod "$1/dev/null" c 1 3
  mknod "$1/dev/sda" b 259 1048575
  mkfifo "$1/dev/fifo"
  setfattr -n user.colour -v 0x00ff0a00 "$1/etc/passwd"
  setfattr -n user.large -v "0x$(printf '5a%.0s' $(seq 3000))" "$1/etc/random"
  setfattr -n trusted.note -v yes "$1/etc"
  setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$1/bin/busybox"
  setfattr -n system.posix_acl_access -v 0x0200000001000600ffffffff02000400e803000004000400ffffffff10000600ffffffff20000400ffffffff "$1/etc/random"
  for i in $(seq 700); do : >"$1/many/a rather long name for a file, number $i"; done
  echo odd >"$1/odd names/$(printf 'caf\xe9 \x01 tab\t newline\n.')"
  echo odd >"$1/odd names/!first"
  echo odd >"$1/odd names/$(printf 'n%.0s' $(seq 255))"
  echo deep >"$1/deep/er/still/file"
  touch -d '1999-12-31 23:59:59.123456789' "$1/etc/passwd"
  touch -d '1960-01-01' "$1/etc/block"
}
make_tree "$fs/tree"

run 0 'a root file system: a directory' --out 'tree:latest sha256:' -- image import "$fs/tree"
same 'a root file system: a directory, as a disk' "$fs/tree" tree
tar --xattrs --xattrs-include='*' --sparse --format=pax -C "$fs/tree" -cf "$fs/rootfs.tar" .
run 0 'a root file system: a tar of GNU tar' --out 'rootfs:latest' -- image import "$fs/rootfs.tar"
same 'a root file system: a tar of GNU tar, as a disk' "$fs/tree" rootfs
tar --format=gnu --sparse -C "$fs/tree" -czf "$fs/gnu.tar.gz" bin dev deep tmp etc/random etc/sparse
mkdir "$fs/gnu"
tar -C "$fs/gnu" -xpf "$fs/gnu.tar.gz"
run 0 'a root file system: packed, from a pipe' --out 'gnu:1' -- \
  sh -c '"$0" image import - --name gnu:1 <"$1"' "$bothy" "$fs/gnu.tar.gz"
# tar has no owners of directories without an entry: they are not compared.
touch -d @0 "$fs/gnu" "$fs/gnu/etc"
touch -d @0 "$fs/gnu"
same 'a root file system: packed, from a pipe, as a disk' "$fs/gnu" gnu:1

# zstd's frames, and a frame of a format before 0.8, which is refused.
zstd -q "$fs/rootfs.tar" -o "$fs/rootfs.tar.zst"
run 0 'a root file system: packed by zstd' --out 'zstd:1' -- image import "$fs/rootfs.tar.zst" --name zstd:1
run 0 'a root file system: packed by zstd, the same as unpacked' -- cmp \
  "$(image build-disk zstd:1)" "$(image build-disk rootfs)"
printf '\x25\xb5\x2f\xfd0123456789abcdef' >>"$fs/rootfs.tar.zst"
run 125 'a frame of an old zstd' --err 'Version not supported' -- image import "$fs/rootfs.tar.zst" --name zstd:2

# An image of several layers, made and unpacked again by umoci.
umoci init --layout "$fs/oci"
umoci new --image "$fs/oci:made"
umoci unpack --image "$fs/oci:made" "$fs/bundle" >/dev/null 2>&1
cp -a "$fs/tree/." "$fs/bundle/rootfs/"
umoci repack --image "$fs/oci:made" "$fs/bundle" >/dev/null 2>&1
rm -rf "$fs/bundle/rootfs/many" "$fs/bundle/rootfs/etc/random" "$fs/bundle/rootfs/bin/sh"
mkdir "$fs/bundle/rootfs/bin/sh"
echo new >"$fs/bundle/rootfs/bin/sh/file"
rm "$fs/bundle/rootfs/dev/fifo"
mkdir "$fs/bundle/rootfs/dev/fifo"
chown 7:8 "$fs/bundle/rootfs/etc"
ln "$fs/bundle/rootfs/etc/passwd" "$fs/bundle/rootfs/etc/passwd-"
umoci repack --image "$fs/oci:made" "$fs/bundle" >/dev/null 2>&1
umoci config --image "$fs/oci:made" --config.cmd /bin/busybox --config.env KEY=value --config.workingdir /tmp
umoci unpack --image "$fs/oci:made" "$fs/again" >/dev/null 2>&1
# umoci, as root, unpacks files that another overlay would hide.
run 0 'an OCI layout by umoci' --out 'oci:made' -- image import "$fs/oci"
same 'an OCI layout by umoci, as a disk' "$fs/again/rootfs" oci:made
run 0 'what it is to run' --out '/bin/busybox' --out 'KEY=value' --out '/tmp' -- image inspect oci:made
run 0 'the same in JSON' --out '"Cmd": [' -- image inspect oci:made --json

# The same image by other ways: the same image must give the same bytes of a disk.
skopeo copy -q "oci:$fs/oci:made" "oci-archive:$fs/archive.tar:made"
skopeo copy -q "oci:$fs/oci:made" "docker-archive:$fs/docker.tar:example.org/saved:2"
run 0 'an OCI tar by skopeo' --out 'archive:made' -- image import "$fs/archive.tar"
run 0 "docker save's tar" --out 'example.org/saved:2' -- image import "$fs/docker.tar"
same "docker save's tar, as a disk" "$fs/again/rootfs" example.org/saved:2
run 0 'a pull through skopeo' --out 'example.org/pulled:3' -- image pull --timeout 5m "oci:$fs/oci:made" --name example.org/pulled:3
BOTHY_STORE=$fs/second image import "$fs/archive.tar" >/dev/null
run 0 'the same bytes in another store' -- cmp \
  "$(image build-disk oci:made)" "$(BOTHY_STORE=$fs/second image build-disk archive:made)"
run 0 'a disk to take along' --out "$fs/out.erofs" -- image build-disk oci:made --out "$fs/out.erofs"
run 0 'which is the same' -- cmp "$fs/out.erofs" "$(image build-disk oci:made)"
run 0 'a raw disk' --out 'out:latest' -- image import "$fs/out.erofs"
run 0 'the same disk again' -- cmp "$fs/out.erofs" "$(image build-disk out)"

run 0 'a list' --out 'NAME' --out 'tree:latest' --out 'example.org/saved:2' -- image ls
run 0 'a list in JSON' --out '"names": [' -- image ls --json
run 0 'a name goes' --out 'untagged tree:latest' --out 'deleted' -- image rm tree
run 0 'what is left over goes' --out 'freed' -- image prune
run 125 'an image that is not there' --err "no image 'tree:latest'" --err 'image ls' -- image inspect tree:latest
run 125 'a file that is not an image' --err 'not an image' -- image import /bin/busybox
qcow2=$fs/disk.qcow2
printf 'QFI\xfb%0999d' 0 >"$qcow2"
run 125 'a qcow2 disk' --err "qemu-img convert -f qcow2 -O raw $qcow2" -- image import "$qcow2"
run 125 'a file that is not there' --err 'nothere' -- image import "$fs/nothere"
run 125 'a name that is none' --err 'lower case' -- image import "$fs/rootfs.tar" --name Bad
run 125 'too large' --err '--max-size' -- image import "$fs/rootfs.tar" --max-size 1M
run 125 'too many files' --err "limit of 100 " --err '--max-inodes' --err "entry '" -- image import "$fs/rootfs.tar" --max-inodes 100
run 125 'a pull of nothing' --err "can't pull" -- image pull --timeout 5m "oci:$fs/oci:missing"
run 125 'a pull without skopeo' --err 'install the package skopeo' -- env PATH=/nowhere "$bothy" image pull x

# A registry without and with authentication, which skopeo's configuration names.
serve() { # PORT MORE
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: 127.0.0.1:%s}\n%s\n' \
    "$fs/registry" "$1" "$2" >"$work/registry-$1.yml"
  "$registry" serve "$work/registry-$1.yml" >>"$work/registry.log" 2>&1 &
  for _ in $(seq 1000); do
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.2
  done
  fail "a registry on port $1" 'it does not answer'
}
export HOME=$work/home
mkdir -p "$HOME/.config/containers"
printf '[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' 5000 5001 >"$HOME/.config/containers/registries.conf"
echo 'me:$2b$04$lTm/GVO1xUDw5WQcIRwqge9GdV3ywolOc1KfGZlmbLsdwmj6Boovy' >"$work/users" # bcrypt, of "secret"
serve 5000 ''
serve 5001 "auth: {htpasswd: {realm: test, path: $work/users}}"
skopeo copy -q "oci:$fs/oci:made" docker://127.0.0.1:5000/some/made:1
digest=$(skopeo inspect --format '{{.Digest}}' docker://127.0.0.1:5000/some/made:1)
run 0 'a pull from a registry' --out '127.0.0.1:5000/some/made:1' -- image pull --timeout 5m 127.0.0.1:5000/some/made:1
run 0 'is the same disk' -- cmp "$(image build-disk 127.0.0.1:5000/some/made:1)" "$(image build-disk oci:made)"
run 0 'by its digest' --out '127.0.0.1:5000/some/made:latest' -- image pull --timeout 5m "127.0.0.1:5000/some/made@$digest"
run 125 'another digest' --err "can't pull" -- image pull --timeout 5m "127.0.0.1:5000/some/made@sha256:$(printf '%064d' 0)"
run 125 'a tag that is not there' --err 'manifest unknown' -- image pull --timeout 5m 127.0.0.1:5000/some/made:2
run 125 'a registry that is not there' --err "can't reach registry '127.0.0.1:5002': connection refused (check" -- image pull --timeout 5m 127.0.0.1:5002/some/made:1
run 125 'an image that is too large to download' --err 'bytes to download' -- image pull --timeout 5m 127.0.0.1:5000/some/made:1 --max-size 10K
run 125 'a registry that wants a password' --err 'authentication required' -- image pull --timeout 5m 127.0.0.1:5001/some/made:1
skopeo login -u me -p secret 127.0.0.1:5001 >/dev/null
run 0 'a password that skopeo knows' --out '127.0.0.1:5001/some/made:1' -- image pull --timeout 5m 127.0.0.1:5001/some/made:1
# shellcheck disable=SC2046 # numbers of processes
kill $(jobs -p)
wait 2>/dev/null || true

# The next process removes the files of a killed one.
mkfifo "$fs/fifo"
"$bothy" image import "$fs/fifo" --name never &
child=$!
exec 3>"$fs/fifo"
head -c 3000000 "$fs/rootfs.tar" >&3
while [ -z "$(ls -A "$BOTHY_STORE/tmp")" ]; do sleep 0.1; done
kill -9 "$child"
wait "$child" 2>/dev/null || true
exec 3>&-
image import "$fs/oci" >/dev/null
run 0 'nothing is left of a killed import' -- test -z "$(ls -A "$BOTHY_STORE/tmp")"
run 125 'which never came to be' -- image inspect never
finish
