#!/usr/bin/env bash
# Single files of the host as volumes, as root and as an ordinary user. Requires what run.sh requires, and root.
# Usage: volumes.sh [ISOLATION]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/instances.sh
export BOTHY_ISOLATION=${1:-vm}

import_image
chmod 755 "$work"
chgrp 4321 /dev/kvm
chmod 660 /dev/kvm
user=()
as_user=(setpriv --reuid 1234 --regid 1234 --groups 4321 env HOME=/nowhere "BOTHY_STORE=$work/user-store" "BOTHY_RUN=$work/user-run")
once() { "${user[@]}" "$bothy" run --rm --network none "$@"; }

for who in root user; do
  at=$work/$who
  mkdir -p "$at/beside"
  echo 'from the host' >"$at/a file"
  echo secret >"$at/beside/file"
  echo 'nameserver 192.0.2.1' >"$at/resolv.conf"
  if [ $who = user ]; then
    user=("${as_user[@]}")
    mkdir "$work/user-store" "$work/user-run"
    chown -R 1234:1234 "$at" "$work/user-store" "$work/user-run"
    run 0 'an image of theirs' -- "${user[@]}" "$bothy" image import "$work/root" --name bb
  fi
  says "$who: a file, the same" "from the host
$(stat -c %i "$at/a file")" once -v "$at/a file:/made/for/it" bb sh -c \
    'cat /made/for/it; stat -c %i /made/for/it; echo from the guest >/made/for/it'
  says "$who: and back" 'from the guest' cat "$at/a file"
  run 1 "$who: a read-only file, in a root that is read-only" --out 'from the guest' --err 'Read-only' -- \
    once --read-only -v "$at/a file:/made/x:ro" bb sh -c 'cat /made/x; echo no >/made/x'
  says "$who: is not written" 'from the guest' cat "$at/a file"
  says "$who: by --mount, over a file of ours, beside a directory" 'from the guest
nameserver 192.0.2.1
secret
from the guest' once --mount "type=bind,source=$at/a file,target=/x,readonly" -v "$at/resolv.conf:/etc/resolv.conf" \
    -v "$at/beside:/d" -v "$at/a file:/d/file2" bb cat /x /etc/resolv.conf /d/file /d/file2
  if [ "$BOTHY_ISOLATION" = vm ]; then
    # Whatever root of the guest mounts, the file is all that there is, and the host's memory isn't theirs to fill.
    says "$who: nothing beside it" "a file
a file" once -v "$at/a file:/x" bb sh -c \
      'mkdir /m; mount -t virtiofs volume0 /m; ls -A /m; mount -o remount,rw /m; echo x 2>/dev/null >/m/new; rm -rf /m/* 2>/dev/null; ls -A /m'
  fi
  # After its replacement on the host, the mounted file is still the old one, as with other bind mounts.
  run 0 "$who: one that stays" -- "${user[@]}" "$bothy" run -d --rm --name stays --network none -v "$at/a file:/x" bb sleep 1000
  echo other >"$at/new"
  mv "$at/new" "$at/a file"
  says "$who: a file that is replaced" 'from the guest' "${user[@]}" "$bothy" exec stays cat /x
  run 1 "$who: can't be replaced in the guest" --err 'busy' -- "${user[@]}" "$bothy" exec stays sh -c 'echo y >/y; mv /y /x'
  run 0 "$who: its end" -- "${user[@]}" "$bothy" stop -t 0 stays
done
user=()
run 125 'neither a file nor a directory' --err 'expected a file or a directory' -- once -v /dev/null:/x bb true
run 125 'a file over a directory' --err 'mount' --err '/tmp' -- once -v "$at/a file:/tmp" bb true
finish
