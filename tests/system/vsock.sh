#!/usr/bin/env bash
# A guest's vsock ports as unix sockets: streams in both directions, checksums, half-close, a thousand
# connections at once. Requires what boot.sh requires.
#
#   vsock.sh --prepare            makes the guests' files; needs a network
#   vsock.sh vmlinux|cloud        the project's kernel, or Debian's for virtual machines
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --prepare ]; then
  . tests/system/prepare.sh
  mkdir -p build/guest/x86_64
  "${CXX:-g++}" -std=c++20 -O1 -static -o build/guest/x86_64/vsock-load tests/system/vsock/load.cc
  prepare_guests vsock virtio_mmio,vmw_vsock_virtio_transport \
    --with socat --with tests/system/vsock/guest.sh --with build/guest/x86_64/vsock-load
  exit
fi
. tests/system/lib.sh
kernel=$1
case $kernel in
vmlinux) initrd=vsock.cpio ;;
cloud) initrd=vsock-cloud.cpio ;;
*) echo "vsock.sh: which kernel?" >&2 && exit 2 ;;
esac
cp "$bothy" "$kernels/$initrd" "$kernels/$kernel" "$work"
bothy=$work/bothy

python3 tests/system/vsock/host.py "$work/v" >"$work/host" 2>&1 &
host=$!
until grep -q serving "$work/host"; do sleep 0.2; done
run 0 "$kernel: a guest with vsock" -- "$bothy" boot --kernel "$work/$kernel" --initrd "$work/$initrd" --vsock "$work/v" \
  --cmdline 'quiet bothy.exec="/tests/system/vsock/guest.sh /build/guest/x86_64/vsock-load"' --timeout 1000s
wait $host || true
for check in echo upload download size refused many turn; do
  if tr -d '\r' <"$work/out" | grep -qx "guest: ok $check"; then pass "$kernel, guest to host: $check"; else
    fail "$kernel, guest to host: $check" "not said to be ok"
  fi
done
for check in half_close bulk refused many; do
  if grep -qx "host: ok $check" "$work/host"; then pass "$kernel, host to guest: $check"; else
    fail "$kernel, host to guest: $check" "$(cat "$work/host")"
  fi
done
if [ ! -e "$work/v" ]; then pass "$kernel: the socket goes with the monitor"; else
  fail "$kernel: the socket goes with the monitor" 'it is still there'
fi
finish
