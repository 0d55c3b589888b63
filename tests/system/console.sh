#!/usr/bin/env bash
# Consoles and ports of guests: the choice by kernel, output and its time, input. Requires what boot.sh requires.
#
#   console.sh --prepare    makes the guests' files; needs a network
#   console.sh              tests
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --prepare ]; then
  . tests/system/prepare.sh
  scripts/guest-initrd
  prepare_guests console virtio_mmio,virtio_console
  exit
fi
. tests/system/lib.sh
. tests/system/guest.sh
guest_files vmlinux "$kernels/vmlinux" cloud "$kernels/cloud" busybox.cpio "$kernels/console.cpio" \
  modules.cpio "$kernels/console-cloud.cpio"
cp tests/system/console.py "$work"

# busybox KERNEL INITRD COMMAND [FLAG]...
busybox() {
  local kernel=$1 initrd=$2 command=$3
  shift 3
  "$bothy" boot --kernel "$work/$kernel" --initrd "$work/$initrd" --cmdline "quiet bothy.exec=\"$command\"" \
    --timeout 1000s "$@"
}
exits() { sed -nE 's/.*"exits":\{"total":([0-9]+).*/\1/p' "$work/out"; }

run 0 'the kernel has the driver: virtio' --out '"console":"virtio"' --err 'testinit: hello' -- guest vmlinux '' --json
virtio=$(exits)
run 0 'serial as asked' --out '"console":"serial"' --err 'testinit: hello' -- \
  guest vmlinux '' --json --console serial
serial=$(exits)
echo "exits to the monitor of a quiet boot: serial $serial, virtio $virtio"
if [ "$virtio" -lt "$serial" ]; then pass 'virtio takes fewer exits'; else fail 'virtio takes fewer exits' "$virtio"; fi

run 0 'a boot that says everything' --out 'Linux version' --out 'console [hvc0] enabled' --out 'testinit: hello' -- \
  "$bothy" boot --kernel "$work/vmlinux" --initrd "$work/testinit.cpio" --timeout 1000s
early=$(sed -n '/console \[hvc0\] enabled/q;p' "$work/out" | wc -l)
if [ "$early" -gt 50 ]; then pass 'early output, as it comes'; else fail 'early output, as it comes' "$early lines"; fi
twice=$(grep '^\[' "$work/out" | sort | uniq -d)
if [ -z "$twice" ]; then pass 'nothing is said twice'; else fail 'nothing is said twice' "$twice"; fi

run 120 'a panic, on virtio' --err 'Kernel panic' --out '"console":"virtio"' -- \
  guest vmlinux 'testinit.action=panic' --json
run 0 'a console in a file' -- guest vmlinux '' --console "file=$work/log"
if grep -q 'testinit: hello' "$work/log" && [ ! -s "$work/out" ]; then
  pass 'the file has it, and stdout nothing'
else
  fail 'the file has it, and stdout nothing' "$(wc -c <"$work/log") bytes"
fi

# talk NAME KIND KERNEL INITRD COMMAND [FLAG]...: by console.py.
talk() {
  local name=$1 kind=$2 kernel=$3 initrd=$4 command=$5 status=0
  shift 5
  python3 "$work/console.py" "$kind" "$bothy" --kernel "$work/$kernel" --initrd "$work/$initrd" \
    --cmdline "quiet bothy.exec=\"$command\"" --timeout 1000s "$@" >"$work/out" 2>"$work/err" || status=$?
  if [ $status -eq 0 ]; then pass "$name"; else fail "$name" "status $status"; fi
}
talk 'a login, on a terminal that changes its size' login vmlinux busybox.cpio \
  'echo root::0:0::/root:/bin/sh >/etc/passwd; setsid getty -L 0 hvc0 vt100'
for where in pty "socket=$work/console"; do
  talk "a login at ${where%%=*}, left and come back to" visit vmlinux busybox.cpio \
    'echo root::0:0::/root:/bin/sh >/etc/passwd; setsid getty -L 0 hvc0 vt100' --console "$where"
done
# shellcheck disable=SC2016 # the guest's shell expands it
serve='port() { for p in /sys/class/virtio-ports/*; do
  read -r n <$p/name && [ $n = $1 ] && echo /dev/${p##*/}; done 2>/dev/null; };
  echo written >$(port file); exec 3<>$(port agent) 4<>$(port line); echo on the second console >/dev/hvc1;
  while :; do while read -r l <&3; do echo agent heard $l >&3; h=$l; done;
  [ -z $h ] || echo agent left after $h; h=; sleep 0.2; done &
  echo ports ready; until read -r l <&4 && [ $l = quit ]; do [ -z $l ] || echo line heard $l >&4; sleep 0.1; done'
serve=$(tr '\n' ' ' <<<"$serve")
talk 'ports at a socket, a pty and a file, and a second console' ports vmlinux busybox.cpio "$serve" \
  --port "agent,socket=$work/agent" --port line --port second,console,pty --port "file,file=$work/port"
if [ "$(cat "$work/port")" = written ]; then pass "a port's file"; else fail "a port's file" "$(cat "$work/port")"; fi

run 0 'the kernel has the driver as a module: serial' --out '"console":"serial"' --err 'testinit: hello' -- \
  guest cloud '' --json
run 0 'its module on a virtio console' --out 'over hvc0' -- \
  busybox cloud modules.cpio 'echo over hvc0 >/dev/hvc0; sleep 1' --console virtio
finish
