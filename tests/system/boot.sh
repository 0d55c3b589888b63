#!/usr/bin/env bash
# Linux guests through the command line, with the project's kernel. Requires a /dev/kvm that runs Linux and 4 GiB, as in the rig.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/guest.sh
guest_files vmlinux "$kernels/vmlinux" bzImage "$kernels/bzImage"

run 0 'vmlinux: without kvmclock' --out 'testinit: hello' -- guest vmlinux 'no-kvmclock'
run 0 'vmlinux: without ACPI, a reboot' --out 'testinit: cpus=2' -- \
  guest vmlinux 'acpi=off testinit.action=reboot' --cpus 2
run 0 'vmlinux: 64 MiB' --out 'testinit: hello' -- guest vmlinux '' --memory 64M
run 0 'bzImage through its own entry' --out 'testinit: hello' -- guest bzImage '' --kernel-payload keep
run 0 'bzImage, unpacked here' --out 'testinit: hello' -- guest bzImage ''
run 0 'shared memory' --out 'testinit: hello' -- guest vmlinux '' --memory-backing shared
run 0 'two initrds in a row' --out 'testinit: hello' -- guest vmlinux '' --initrd "$work/testinit.cpio"
run 0 'the boot timer' --err 'from process start' -- guest vmlinux '' --boot-timer
run 0 'an entropy device' --out 'hwrng=virtio_rng.0' -- guest vmlinux '' --rng
run 0 'no console' --out '"end":"power-off"' -- guest vmlinux '' --console off --json
run 0 'JSON on stdout, console on stderr' --out '"status":0' --err 'testinit: hello' -- guest vmlinux '' --json
run 121 'a triple fault' --err 'triple-faulted' -- guest vmlinux 'testinit.action=triple-fault'
run 120 'no init' --err 'likely remedy' -- guest vmlinux 'rdinit=/nothere'
run 124 'a guest that hangs' --err 'still running' --err 'init had started' -- \
  guest vmlinux 'testinit.action=hang' --timeout 20s
run 124 'a guest that spins on two vCPUs' --err 'vCPU 1' -- \
  guest vmlinux 'testinit.action=spin' --cpus 2 --timeout 20s
run 0 'a guest that floods its console' --out 'testinit: flood done' -- guest vmlinux 'testinit.action=serial-flood'

"$bothy" boot --kernel "$work/vmlinux" --initrd "$work/testinit.cpio" --cmdline quiet --cpus 2 --dry-run >"$work/machine"
run 0 'a machine file, as --dry-run prints it' --out 'testinit: cpus=2' -- "$bothy" boot --config "$work/machine" --timeout 1000s

status=0
guest vmlinux 'testinit.action=hang' --control "$work/control" >/dev/null 2>&1 &
until [ -S "$work/control" ]; do sleep 0.1; done
run 0 'a running machine answers on its control socket' --out 'testinit.action=hang' -- "$bothy" control "$work/control" status
run 125 'a command that it does not know' --err "'dance'" -- "$bothy" control "$work/control" dance
pkill -TERM -x bothy && wait $! || status=$?
if [ $status -eq 143 ] && [ ! -e "$work/control" ]; then pass 'the socket goes with it'; else fail 'the socket goes with it' "status $status"; fi

# Input: a pipe feeds the guest, which echoes it.
status=0
{ echo one && echo two && echo quit; } | guest vmlinux 'testinit.action=echo' >"$work/out" 2>"$work/err" || status=$?
if [ $status -eq 0 ] && grep -q 'echo one' "$work/out" && grep -q 'echo two' "$work/out"; then
  pass 'input from a pipe'
else
  fail 'input from a pipe' "status $status"
fi

# signalled SIGNAL STATUS: SIGNAL ends bothy with STATUS, and no process remains.
signalled() {
  local status=0
  guest vmlinux 'testinit.action=hang' >"$work/out" 2>"$work/err" &
  local pid=$!
  # guest() runs in a subshell: the monitor is a child of that.
  sleep 3
  pkill "-$1" -x bothy || true
  wait $pid || status=$?
  if [ $status -eq "$2" ] && ! pgrep -x bothy >/dev/null; then pass "SIG$1"; else fail "SIG$1" "status $status"; fi
}
signalled TERM 143
signalled HUP 129

status=0
guest vmlinux 'testinit.action=serial-flood' 2>"$work/err" | head -c 2000 >"$work/out" || status=${PIPESTATUS[0]}
if [ "$status" -eq 141 ]; then pass 'a reader that goes away'; else fail 'a reader that goes away' "status $status"; fi

status=0
guest vmlinux '' <&- >"$work/out" 2>"$work/err" || status=$?
if [ $status -eq 0 ]; then pass 'stdin closed'; else fail 'stdin closed' "status $status"; fi
finish
