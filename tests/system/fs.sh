#!/usr/bin/env bash
# Directories of the host in a guest, by virtiofsd: both directions, read-only, as root and as an ordinary user, and the
# guest's errors after virtiofsd is killed. Requires root and KVM, as in the rig.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh

cp "$bothy" "$kernels/vmlinux" "$work"
bothy=$work/bothy
scripts/guest-initrd --busybox --with tests/system/fs/guest.sh --out "$work/guest.cpio" >/dev/null
head -c 4M /dev/urandom >"$work/file"
sum=$(sha256sum <"$work/file" | cut -d' ' -f1)
chmod 755 "$work"
# A directory with another mount in it, and a symbolic link out of it, which must not work.
share=$work/'a share, with=all'
mkdir -p "$share/below"
mount -t tmpfs tmpfs "$share/below"
trap 'umount "$share/below"; rm -rf "$work"' EXIT
fresh() { # OWNER
  rm -rf "$share"/{big*,directory,link,later,from-host,victim,escape}
  cp "$work/file" "$share/from-host"
  echo there >"$share/below/file"
  touch "$share/victim"
  ln -s "$work/file" "$share/escape"
  chown -h -R "$1:$1" "$share"
}
# An ordinary user with access to /dev/kvm by a group, as in distributions.
user=()
as_user=(setpriv --reuid 1234 --regid 1234 --groups 4321 env HOME=/nowhere)
chgrp 4321 /dev/kvm
chmod 660 /dev/kvm

guest() { # CASE FLAG...
  local words="quiet bothy.exec=\"/tests/system/fs/guest.sh $1\""
  shift
  "${user[@]}" "$bothy" boot --kernel "$work/vmlinux" --initrd "$work/guest.cpio" --memory 256M --timeout 1000s \
    --cmdline "$words" "$@"
}
said() { # NAME WORDS
  if tr -d '\r' <"$work/out" | grep -qx "guest: $2"; then pass "$who: $1"; else fail "$who: $1" "not said: $2"; fi
}
is() { # NAME COMMAND...
  local name=$1
  shift
  if "$@"; then pass "$who: $name"; else fail "$who: $name" "not so: $*"; fi
}
no_virtiofsd() {
  local i
  for ((i = 0; i < 50; i++)); do
    pgrep virtiofsd >/dev/null || return 0
    sleep 0.1
  done
  return 1
}
quoted=${share//,/,,}

for who in root user; do
  uid=0
  [ $who = root ] || { uid=1234 && user=("${as_user[@]}"); }
  fresh $uid

  (
    until grep -q 'guest: waits' "$work/out" 2>/dev/null; do sleep 0.2; done
    echo now >"$share/later"
  ) &
  helper=$!
  : >"$work/out"
  run 0 "$who: a guest with a directory" -- guest both --fs "data=$quoted"
  kill $helper 2>/dev/null || true
  said 'a file of the host' "received $sum"
  sent=$(tr -d '\r' <"$work/out" | sed -n 's/^guest: sent //p')
  said 'a file of the guest, there' "found ${sent:-nothing}"
  is 'a file of the guest, here' [ "$(sha256sum <"$share/directory/from-guest" | cut -d' ' -f1)" = "$sent" ]
  is 'what is removed there is gone here' [ ! -e "$share/victim" ]
  said 'a FIFO' 'made a fifo'
  said 'no device node is created' 'no device nodes'
  is 'no device node is on the host' [ -z "$(find "$share" -type b -o -type c)" ]
  said 'a mount below it' 'below there'
  said 'a file made meanwhile' 'later now'
  said 'a link that leads out leads nowhere' 'no escape'
  said 'a second mount' 'again now'
  said 'after a reset of the device' "reset $sum"
  # The user is the guest's root.
  said 'owners' 'owner 0:0 0:0'
  is 'the owner of what the guest makes' [ "$(stat -c %u:%g "$share/directory")" = $uid:$uid ]
  if [ $who = root ]; then
    said 'the guest gives a file away' 'gave away'
    is 'to that user' [ "$(stat -c %u:%g "$share/directory/from-guest")" = 1000:1001 ]
  fi
  is 'virtiofsd ends with the guest' no_virtiofsd

  fresh $uid
  run 0 "$who: a read-only directory" -- guest read-only --fs "data=$quoted,ro"
  said 'read-only: it can be read' "received $sum"
  said 'read-only: it is not written' refused
  is 'read-only: nothing is written' [ ! -e "$share/new" ]

  status=0
  guest dies --fs "data=$quoted" >"$work/out" 2>"$work/err" </dev/null &
  monitor=$!
  until grep -q 'guest: ready' "$work/out" || ! kill -0 $monitor 2>/dev/null; do sleep 0.2; done
  pkill -KILL virtiofsd || true
  wait $monitor || status=$?
  is 'virtiofsd is killed: the monitor lives' [ $status -eq 0 ]
  said 'virtiofsd is killed: the guest gets errors' 'error: Transport endpoint is not connected'
  said 'virtiofsd is killed: for directories too' 'no list'
  said 'virtiofsd is killed: what was under way ends' 'writers end'
  said 'virtiofsd is killed: the guest runs on' 'runs on'
  is 'virtiofsd is killed: it is said once' [ "$(grep -c "'data' has ended" "$work/err")" = 1 ]

  guest dies --fs "data=$quoted" >"$work/out" 2>"$work/err" </dev/null &
  monitor=$!
  until grep -q 'guest: ready' "$work/out" || ! kill -0 $monitor 2>/dev/null; do sleep 0.2; done
  is 'virtiofsd runs' pgrep virtiofsd >/dev/null
  pkill -KILL bothy
  wait $monitor || true
  is 'the monitor is killed: virtiofsd ends' no_virtiofsd
done

who=root user=()
run 125 'a missing directory' --err "$work/nothere" -- guest both --fs "data=$work/nothere"
run 125 'a virtiofsd that fails' --err 'its last message' -- env BOTHY_VIRTIOFSD=/bin/false "$bothy" boot --kernel \
  "$work/vmlinux" --fs "data=$work"
finish
