#!/usr/bin/env bash
# One Linux kernel, unmodified, through the command line: it finds its CPUs and memory, powers off, panics and reboots.
# Needs what boot.sh needs. Usage: kernel.sh NAME FILE
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/guest.sh
kernel=$1
guest_files "$kernel" "$2"

run 0 "$kernel: 1 vCPU, 96 MiB" --out 'testinit: hello' --out 'testinit: cpus=1' -- guest "$kernel" '' --memory 96M
run 0 "$kernel: 2 vCPUs, 512 MiB" --out 'testinit: cpus=2' --out 'kvm-clock' -- guest "$kernel" '' --cpus 2
run 0 "$kernel: 8 vCPUs, 5 GiB" --out 'testinit: cpus=8' --out 'testinit: memory_kib=5' -- \
  guest "$kernel" '' --cpus 8 --memory 5G
run 120 "$kernel: a panic" --err 'panicked' --err 'Kernel panic' -- guest "$kernel" 'testinit.action=panic'
run 0 "$kernel: a reboot" -- guest "$kernel" 'testinit.action=reboot'
finish
