#!/usr/bin/env bash
# Images run as microVMs: kernel, console, network on demand, shared disk. Requires what run.sh requires.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/instances.sh

import_image
says 'relative paths of a store and a kernel' yes env -C "$work" BOTHY_STORE=store "$bothy" run --rm --network none \
  --kernel vmlinux bb echo yes
run 125 "a kernel that panics, and its last words" --err 'ended (panic)' --err '</TASK>' -- \
  once bb sh -c 'echo c >/proc/sysrq-trigger'
# The rig's processor has SVM, and KVM there supports it in guests.
says 'one processor and 512 MiB unless more is asked for' '1 yes' "$bothy" run --rm --network none bb \
  sh -c 'set -- $(grep MemTotal /proc/meminfo); [ $2 -gt 480000 ] && [ $2 -le 524288 ] && echo $(grep -c ^processor /proc/cpuinfo) yes'
run 0 'root mounts as root may' -- "$bothy" run --rm --network none bb mount -t tmpfs none /tmp
says 'and lifts the limit on processes' lifted "$bothy" run --rm --network none --pids-limit 4 bb \
  sh -c 'echo max >/sys/fs/cgroup/bothy/pids.max; for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo lifted'
run 1 'nested virtualization is off by default' -- "$bothy" run --rm --network none bb grep -qw svm /proc/cpuinfo
run 0 'nested virtualization on request' -- \
  "$bothy" run --rm --network none --cpu-features +svm bb grep -qw svm /proc/cpuinfo
run 0 'what needs no network starts none' -- "$bothy" run -d --name quiet bb sleep 1000
if pgrep passt >"$work/out"; then fail 'no passt' 'it runs'; else pass 'no passt'; fi
run 0 'the first packet starts it' --out passt -- sh -c '
  "$1" exec quiet ping -c 1 -W 1 10.0.2.2; for n in $(seq 50); do pgrep -l passt && exit 0; sleep 0.2; done; exit 1' sh "$bothy"
confinement() {
  "$bothy" inspect "$1" | python3 -c '
import json, sys
threads = json.load(sys.stdin)[0]["confinement"]["threads"]
roles = {each.get("role") for each in threads}
wanted = {"vcpu", "devices", "disk", "vm-owner"}
every = all(each["filter"] and each["no-new-privileges"] and not each["capabilities"] and each["namespaces"] and each["calls"] for each in threads)
print("all" if every and wanted <= roles else "none" if not any(each["filter"] or each["namespaces"] for each in threads) else threads)'
}
says 'inspect shows the filter and the namespaces of each thread' all confinement quiet
"$bothy" rm -f quiet
run 0 'without a sandbox' --err 'nothing confines' -- "$bothy" run -d --name open --network none --sandbox off bb sleep 1000
says 'inspect shows none' none confinement open
"$bothy" rm -f open

# A passt that can't start is reported, if late.
mkdir "$work/programs"
printf '#!/bin/sh\necho no sockets today >&2\nexit 1\n' >"$work/programs/passt"
chmod +x "$work/programs/passt"
run 1 'a network that fails' --err 'passt failed to start: no sockets today' -- env PATH="$work/programs:$PATH" "$bothy" run --rm bb \
  sh -c 'ping -c 1 -W 2 10.0.2.2; status=$?; sleep 1; exit $status'

# Guests of one image share the host's page cache of one file: the first guest's reads serve the others. Tested on a file system
# whose disk reads are counted, with an empty cache.
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
# The file system's own reads are allowed.
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

finish
