#!/usr/bin/env bash
# One unmodified Linux kernel, booted through the command line: CPUs, memory, power-off, panic, reboot. Requires what boot.sh
# requires.
#
#   kernel.sh NAME FILE                a kernel's file
#   kernel.sh --debian SUITE FLAVOUR   Debian's kernel (scripts/debian-kernel); skipped (77) if it has not been fetched
#   kernel.sh --prepare                fetches Debian's kernels; exits with 77 if one of them can't be fetched
set -euo pipefail
cd "$(dirname "$0")/../.."

debian_kernel() { # SUITE FLAVOUR
  # The package of bookworm's kernel is the one that stock.sh and the rig use.
  if [ "$1" = bookworm ]; then scripts/debian-kernel "$2"; else scripts/debian-kernel --suite "$1" "$2"; fi
}

if [ "${1:-}" = --prepare ]; then
  status=0
  for suite in bookworm trixie sid; do
    for flavour in cloud generic; do debian_kernel $suite $flavour || status=77; done
  done
  exit $status
fi
if [ "$1" = --debian ]; then
  kernel=$2-$3
  if ! file=$(debian_kernel "$2" "$3"); then
    echo "skipped: Debian's kernel $kernel could not be fetched"
    exit 77
  fi
else
  kernel=$1 file=$2
fi
. tests/system/lib.sh
. tests/system/guest.sh
guest_files "$kernel" "$file"

run 0 "$kernel: 1 vCPU, 96 MiB" --out 'testinit: hello' --out 'testinit: cpus=1' -- guest "$kernel" '' --memory 96M
run 0 "$kernel: 2 vCPUs, 512 MiB" --out 'testinit: cpus=2' --out 'kvm-clock' -- guest "$kernel" '' --cpus 2
run 0 "$kernel: 8 vCPUs, 5 GiB" --out 'testinit: cpus=8' --out 'testinit: memory_kib=5' -- \
  guest "$kernel" '' --cpus 8 --memory 5G
run 120 "$kernel: a panic" --err 'panicked' --err 'Kernel panic' -- guest "$kernel" 'testinit.action=panic'
run 0 "$kernel: a reboot" -- guest "$kernel" 'testinit.action=reboot'
finish
