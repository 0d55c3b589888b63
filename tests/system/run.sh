#!/usr/bin/env bash
# Images, run: what `bothy run` and its verbs do, whatever the isolation. Needs what boot.sh needs, and the rig's passt.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/instances.sh

import_image
run 0 'true' -- vm bb true
run 1 'its exit status' -- vm bb sh -c 'exit 1'
run 137 'a killing signal' -- vm bb sh -c 'kill -9 $$'
run 3 'stdout and stderr apart' --out 'to stdout' --err 'to stderr' -- vm bb sh -c 'echo to stdout; echo to stderr >&2; exit 3'
run 127 'a command that is not there' --err nothere -- vm bb nothere
run 126 'a command that is no program' --err text -- vm bb text
run 125 'no such user' --err nobody -- vm -u nobody bb true
run 125 'no such image' --err nothere --err 'pulled' -- "$bothy" run nothere true
run 125 'nor may it be pulled' --err "no image 'nothere" -- "$bothy" run --pull never nothere true
says 'relative paths of a store and a kernel' yes env -C "$work" BOTHY_STORE=store "$bothy" run --rm --network none \
  --kernel vmlinux bb echo yes
run 125 'no such volume' --err nothere -- vm -v "$work/nothere:/x" bb true
run 125 'no such flag' --err bogus -- "$bothy" run --bogus bb
says 'stdin, to its end' "$(head -c 300000 "$work/vmlinux" | sha256sum)" sh -c 'head -c 300000 "$1" | "$2" run --rm -i --network none bb sha256sum' sh "$work/vmlinux" "$bothy"
says 'a megabyte of output' 1000000 sh -c '"$1" run --rm --network none bb head -c 1000000 /dev/zero | wc -c' sh "$bothy"
says 'a user of the image' 'uid=1000(alice) gid=1000(alice) groups=50(staff),1000(alice)' vm -u alice bb id
says 'a directory' /home/alice vm -w /home/alice bb pwd
says 'variables' one vm -e A=one bb sh -c 'echo $A'
says 'a host name' box vm --hostname box bb hostname
says 'what is written stays inside' here vm bb sh -c 'echo here >/tmp/x; cat /tmp/x'
run 1 'a read-only root' --err 'Read-only' -- vm --read-only bb touch /x
says 'tmpfs' yes vm --read-only --tmpfs /tmp bb sh -c 'touch /tmp/x && echo yes'
says 'a scratch disk, larger than memory' 150000000 vm --memory 128M --storage 200M bb \
  sh -c 'head -c 150000000 /dev/zero >/x && wc -c </x'
says 'an entrypoint' 'a b' vm --entrypoint echo bb a b
run 0 'a terminal, of a size' --out '30 100' -- \
  script -qec "stty cols 100 rows 30; $bothy run --rm -t -i --network none bb stty size" /dev/null

run 125 "a kernel that panics, and its last words" --err 'ended (panic)' --err '</TASK>' -- \
  vm bb sh -c 'echo c >/proc/sysrq-trigger'
run 0 'what needs no network starts none' -- "$bothy" run -d --name quiet bb sleep 1000
if pgrep passt >"$work/out"; then fail 'no passt' 'it runs'; else pass 'no passt'; fi
run 0 'the first packet starts it' --out passt -- sh -c '
  "$1" exec quiet ping -c 1 -W 1 10.0.2.2; for n in $(seq 50); do pgrep -l passt && exit 0; sleep 0.2; done; exit 1' sh "$bothy"
"$bothy" rm -f quiet

mkdir "$work/volume" && echo from the host >"$work/volume/file"
says 'a volume' 'from the host' vm -v "$work/volume:/mnt" bb sh -c 'cat /mnt/file; echo from the guest >/mnt/back'
says 'and back' 'from the guest' cat "$work/volume/back"
run 1 'a read-only volume' -- vm -v "$work/volume:/mnt:ro" bb touch /mnt/x

# One that stays.
run 0 'a detached web server' -- "$bothy" run -d --name web -p 8088:80 bb \
  sh -c 'mkdir /www; echo served >/www/index.html; echo started; exec httpd -f -p 80 -h /www'
sleep 1
says 'its published port' served wget -qO- --timeout 20 --tries 5 --retry-connrefused http://127.0.0.1:8088/
run 0 'ps' --out web --out 8088 -- "$bothy" ps
says 'exec' exec "$bothy" exec web echo exec
run 5 'its exit status' -- "$bothy" exec web sh -c 'exit 5'
says 'as another user' 1000 "$bothy" exec -u alice web id -u
run 127 'exec of nothing' --err nothere -- "$bothy" exec web nothere
says 'logs' started "$bothy" logs web
run 0 'stats' --out memory-total -- "$bothy" stats web
run 0 'all about one that begins' --out '"name": "told"' --out '"status": "running"' -- \
  "$bothy" run -d --json --name told --rm --network none bb sleep 1000
run 0 'its end' -- "$bothy" stop -t 0 told
run 125 'JSON beside output' --err '-d' -- vm --json bb true
run 125 'a name in use' --err 'in use' -- "$bothy" run --name web bb true
run 0 'pause' -- "$bothy" pause web
run 0 'is told' --out paused -- "$bothy" ps
run 0 'resume' -- "$bothy" resume web
says 'goes on' served wget -qO- --timeout 20 --tries 5 http://127.0.0.1:8088/
run 1 'rm of what runs' --err 'bothy stop' -- "$bothy" rm web
run 0 'stop' -- "$bothy" stop -t 2 web
run 0 'it has ended' --out exited -- "$bothy" ps -a
run 0 'rm' -- "$bothy" rm web
run 125 'it is gone' --err web -- "$bothy" inspect web

# Guests of one image read one file, by the host's page cache: what the first brings there the others find. On a file system
# whose reads of its disk can be counted, and with nothing of it cached.
shared=$work/shared
modprobe -q loop || true
truncate -s 64M "$work/ext4"
mke2fs -q -F -t ext4 "$work/ext4"
mkdir "$shared"
mount -o loop "$work/ext4" "$shared"
cp -r "$BOTHY_STORE" "$shared/store"
umount "$shared"
mount -o loop "$work/ext4" "$shared"
loop=$(basename "$(findmnt -no SOURCE "$shared")")
disk=$(BOTHY_STORE=$shared/store "$bothy" image build-disk bb)
sum=$(sha256sum </bin/busybox)
sectors_read() { awk '{ print $3 }' "/sys/block/$loop/stat"; }
read_by=()
for guest in one two three; do
  before=$(sectors_read)
  run 0 "guest $guest of an image" -- "$bothy" run -d --store "$shared/store" --name $guest --network none -m 128M bb sleep 1000
  says 'reads of it' "$sum" "$bothy" exec $guest sh -c 'sha256sum </bin/busybox'
  read_by+=($(($(sectors_read) - before)))
done
# But for what the file system itself reads now and then.
if [ "${read_by[0]}" -gt 1000 ] && [ "${read_by[1]}" -lt 100 ] && [ "${read_by[2]}" -lt 100 ]; then
  pass 'what the first has read is read for all'
else
  fail 'what the first has read is read for all' "sectors: ${read_by[*]}"
fi
# Descriptors of owners at the image's file, read-only and through the cache.
opened=0
inode=$(stat -c '%d %i' "$disk")
for fd in $(pgrep -x bothy | sed 's|.*|/proc/&/fd/*|'); do
  [ "$(stat -Lc '%d %i' "$fd" 2>/dev/null)" = "$inode" ] || continue
  flags=$(sed -n 's/^flags:[[:space:]]*//p' "${fd/fd/fdinfo}")
  [ $((0$flags & (3 | 040000))) -ne 0 ] || opened=$((opened + 1))
done
if [ $opened -eq 3 ]; then pass 'one file, open in each owner'; else fail 'one file, open in each owner' "$opened times"; fi
for guest in one two three; do "$bothy" rm -f $guest; done
umount "$shared"

# Whoever started it, and whoever owns it, may die.
run 0 'another' -- "$bothy" run -d --name lost --network none bb sleep 1000
pkill -9 -f 'run -d --name lost' || true
sleep 0.5
run 0 'one whose owner was killed' --out lost -- "$bothy" ps -a
run 0 'is removed' -- "$bothy" rm lost
if pgrep -x bothy >"$work/out" || [ -n "$(ls -A "$work/run/instances" "$work/run/names" | grep -v :)" ]; then
  fail 'nothing is left' "$(ls -AR "$work/run")"
else
  pass 'nothing is left'
fi
run 124 'a timeout' --err 'timeout' -- vm --timeout 8s bb sleep 1000
finish
