#!/usr/bin/env bash
# `bothy cp` in both directions, by Docker's rules. Requires what run.sh requires.
# Usage: cp.sh [ISOLATION]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/instances.sh
export BOTHY_ISOLATION=${1:-vm}

import_image
inside() { "$bothy" exec box "$@"; }
copy() { "$bothy" cp "$@"; }
at=$work/at
mkdir -p "$at"/tree/deep
cd "$at"
head -c 3000000 /dev/urandom >big
echo text >tree/file
chmod 640 tree/file
touch -d @1000000000 tree/file
chown 1000:50 tree/file
ln -s file tree/link
ln -s /nowhere tree/dangling
echo deeper >tree/deep/file
sum=$(sha256sum <big)

run 0 'an instance' -- "$bothy" run -d --init --name box --network none bb sh -c \
  'mkdir /srv /put; echo inside >/srv/file; ln -s file /srv/link; ln -s /srv /put/there; exec sleep 1000'

run 0 'a file into a directory' -- copy big box:/tmp
says 'it is that file' "$sum" inside sh -c 'sha256sum </tmp/big'
run 0 'a file by another name' -- copy tree/file box:/tmp/named
says 'with mode and time, as root' '640 1000000000 0:0' inside stat -c '%a %Y %u:%g' /tmp/named
run 0 'with its owner' -- copy -a tree/file box:tmp/owned
says 'is whose it was' 1000:50 inside stat -c %u:%g /tmp/owned
run 0 'over a file' -- copy tree/deep/file box:/tmp/named
says 'it is another now' deeper inside cat /tmp/named
run 0 'by a link to a directory' -- copy tree/file box:/put/there
says 'it is there' text inside cat /srv/file
run 0 'a directory into one' -- copy tree box:/put
says 'with all that it holds' 'dangling
deep
file
link' inside ls /put/tree
says 'links as links' '/put/tree/dangling /put/tree/link' inside sh -c 'echo $(find /put/tree -type l | busybox sort)'
run 0 'a directory by another name' -- copy tree box:/put/other
says 'it is that one' deeper inside cat /put/other/deep/file
run 0 'its content' -- copy tree/. box:/tmp
says 'is in the directory itself' deeper inside cat /tmp/deep/file
says 'which keeps its mode' 755 inside stat -c %a /tmp
run 0 'a link as a link' -- copy tree/link box:/tmp/as-link
run 0 'what it leads to' -- copy -L tree/link box:/tmp/followed
says 'one is one, and one is not' '/tmp/as-link' inside sh -c 'find /tmp/as-link /tmp/followed -type l'
tar -C tree -cf packed.tar file deep
gzip -c packed.tar >packed.tgz
run 0 'a compressed archive of stdin' -- sh -c '"$1" cp - box:/put/other <packed.tgz' sh "$bothy"
says 'is unpacked' text inside cat /put/other/file

run 0 'a file out' -- copy box:/tmp/big out
says 'whole' "$sum" sh -c 'sha256sum <out'
run 0 'a file out into a directory' -- copy box:/tmp/owned .
says 'mode and time kept, and ours' '640 1000000000 0:0' stat -c '%a %Y %u:%g' owned
run 0 'a file out with its owner' -- copy -a box:/tmp/owned owned
says 'is whose it was in the guest' 1000:50 stat -c %u:%g owned
run 0 'a directory out' -- copy box:/put/tree back
says 'is the same' '' diff -r --no-dereference tree back
run 0 'its content out' -- copy box:/put/tree/. back
run 0 'into it' -- copy box:/put/tree back/
says 'is there twice' '' diff -r --no-dereference tree back/tree
run 0 'a link out' -- copy box:/srv/link out-link
says 'is a link' file readlink out-link
run 0 'what it leads to, out' -- copy -L box:/srv/link out-followed
says 'is a file' text cat out-followed
says 'an archive on stdout' 'tree/deep/file' sh -c '"$1" cp box:/put/tree - | tar -t | grep deep/file' sh "$bothy"
says 'while it runs on' inside inside echo inside

run 1 'no such file on the host' --err "no 'nothere'" -- copy nothere box:/tmp
run 1 'no such file in the guest' --err 'nothere: No such file' -- copy box:/srv/nothere .
run 1 'no such directory in the guest' --err "directory '/nothere/' doesn't exist" -- copy big box:/nothere/
run 1 'nor above it' --err 'No such file' -- copy big box:/nothere/file
run 1 'no such directory on the host' --err "directory 'nothere/' doesn't exist" -- copy box:/srv/file nothere/
run 1 'a directory onto a file' --err 'Not a directory' -- copy tree box:/srv/file
run 1 'a directory onto a file here' --err 'Not a directory' -- copy box:/put big
run 1 'an archive into a file' --err "doesn't exist" -- sh -c '"$1" cp - box:/srv/file <packed.tgz' sh "$bothy"
run 1 'what is no archive' --err 'invalid tar archive' -- sh -c '"$1" cp - box:/tmp <big' sh "$bothy"
run 1 'a device out' --err 'device' -- copy box:/dev/null .
run 1 'where nobody may write' --err "can't make x" -- copy box:/srv/file /proc/x
run 1 'no such instance' --err nothere -- copy nothere:/x .
run 1 'between two' --err 'between two instances' -- copy box:/x box:/y
run 1 'between none' --err 'INSTANCE:PATH' -- copy big other
run 125 'no such flag' -- copy --bogus big box:/
run 125 'too few words' -- copy big

# An interrupted copy leaves nothing behind. Sixteen copies can run at a time.
for ((i = 0; i < 20; i++)); do
  "$bothy" cp box:/tmp/big - 2>/dev/null | head -c 1000 >/dev/null || true
  timeout 0.6 "$bothy" cp - box:/tmp 2>/dev/null < <(cat packed.tar big && sleep 3) || true
done
run 0 'after copies that were broken off' -- copy big box:/tmp/again
says 'nothing of them is left' 2 inside sh -c 'ps | grep -c "[i]nit\|[s]leep 1000"'
run 0 'paused' -- "$bothy" pause box
run 1 'a paused one' --err paused -- copy big box:/tmp
run 0 'resumed' -- "$bothy" resume box
run 0 'stopped' -- "$bothy" stop -t 0 box
run 1 'one that has ended' --err exited -- copy box:/tmp/big .
finish
