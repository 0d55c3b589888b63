#!/usr/bin/env bash
# Containers of an ordinary user, with subordinate ids and without: user_container.sh. As root, in a mount namespace of its own
# (launch mounts), or in the rig; user.sh has what both isolations do.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh

chmod 755 "$work"
cp "$bothy" "$work/bothy"
{
  cat /etc/passwd
  echo "tester:x:1234:1234::$work/home:/bin/sh"
} >"$work/passwd"
: >"$work/subordinate"
mount --bind "$work/passwd" /etc/passwd
for file in /etc/subuid /etc/subgid; do
  [ -e $file ] || : >$file
  mount --bind "$work/subordinate" $file
done
# Where an overlay's upper layer can be, in the rig as well: tmpfs has no user.* attributes before Linux 6.6.
truncate -s 256M "$work/disk"
mkfs.ext4 -q "$work/disk"
mkdir "$work/home"
mount -o loop "$work/disk" "$work/home"
mkdir "$work/home/run"
trap 'umount /etc/passwd /etc/subuid /etc/subgid "$work/home"; rm -rf "$work"' EXIT
chown 1234:1234 "$work/home" "$work/home/run"
chmod 700 "$work/home"

user=(setpriv --reuid 1234 --regid 1234 --clear-groups env -i "HOME=$work/home" "XDG_RUNTIME_DIR=$work/home/run" "PATH=$PATH"
  BOTHY_ISOLATION=container)
bothy() { "${user[@]}" "$work/bothy" "$@"; }
offline() { bothy run --rm --network none "$@"; }
empty() { # NAME DIRECTORY
  ls -A "$2" >"$work/out"
  : >"$work/err"
  if [ -s "$work/out" ]; then fail "$1" "files are left"; else pass "$1"; fi
}

# The image: files of root, of a user, and of one whom nobody maps.
mkdir -p "$work/image"/{bin,etc,home/alice,closed} "$work/home/volume"
cp /bin/busybox "$work/image/bin/"
for name in cat echo id ls rm sh stat sleep touch; do ln -s busybox "$work/image/bin/$name"; done
printf 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n' >"$work/image/etc/passwd"
printf 'root:x:0:\nalice:x:1000:\n' >"$work/image/etc/group"
echo secret >"$work/image/closed/file"
chown 1000:1000 "$work/image/home/alice"
cp /bin/busybox "$work/image/bin/setid"
chmod 4755 "$work/image/bin/setid"
chmod 000 "$work/image/closed/file" "$work/image/closed"
tar -C "$work/image" -cf "$work/image.tar" .
echo 'from here' >"$work/home/volume/file"
chown -R 1234:1234 "$work/home/volume"

# What there is with either kind of ids.
common() {
  says "$1: root" 0 offline image id -u
  says "$1: files that nobody may read" secret offline image cat /closed/file
  says "$1: a set-id program" 4755 offline image stat -c %a /bin/setid
  says "$1: files are written and removed" 'new' offline image sh -c 'rm -r /closed /etc/group; echo new >/closed; cat /closed'
  says "$1: and are whole in the next container" secret offline image cat /closed/file
  run 1 "$1: --read-only" --err 'Read-only file system' -- offline --read-only image touch /file
  says "$1: a volume" 'from here' offline -v "$work/home/volume:/data" image sh -c 'cat /data/file; echo back >/data/back'
  says "$1: is the user's" '1234 back' sh -c "echo \$(stat -c %u $work/home/volume/back; cat $work/home/volume/back)"
  says "$1: a volume of /sys" "$(ls /sys/kernel)" offline -v /sys/kernel:/mnt:ro image ls /mnt
  run 0 "$1: the host's network" -- bothy run --rm --network host image ls /sys/fs/cgroup
  run 0 "$1: a container that stays" -- bothy run -d --name stays --network none image sleep 1000
  says "$1: exec" 0 bothy exec stays id -u
  run 0 "$1: cp in" -- bothy cp "$work/home/volume/file" stays:/copied
  says "$1: cp out" 'from here' sh -c '"$@" cp stays:/copied - | tar -xO' sh "${user[@]}" "$work/bothy"
  run 0 "$1: stop" -- bothy stop -t 1 stays
  run 0 "$1: rm" -- bothy rm stays
  run 125 "$1: --storage" --err 'not available for containers of ordinary users' -- offline --storage 10M image id
  run 125 "$1: --userns host" --err 'for root alone' -- offline --userns host image id
  run 0 "$1: rmi" -- bothy image rm image
  for directory in share/bothy/images/{trees,tmp} state/bothy/instances; do
    empty "$1: nothing is left in $directory" "$work/home/.local/$directory"
  done
  empty "$1: nothing is left of instances" "$work/home/run/bothy/instances"
}

run 0 'import' -- bothy image import "$work/image.tar" --name image
run 125 'another user' --err "no such id" -- offline -u alice image id -u
run 125 '--userns keep-id' --err 'needs newuidmap and subordinate ids' -- offline --userns keep-id image id
common 'a single id'

echo tester:300000:65536 >"$work/subordinate"
run 0 'import once more' -- bothy image import "$work/image.tar" --name image
says 'another user' 1000 offline -u alice image id -u
says 'whose home it is' 1000 offline -u alice image sh -c 'touch /home/alice/file && stat -c %u /home/alice/file'
says '--userns keep-id' '1234 1234 0' offline --userns keep-id -v "$work/home/volume:/data" image \
  sh -c 'echo $(id -u; stat -c %u /data/file /)'
common 'subordinate ids'
finish
