#!/usr/bin/env bash
# Guests on a tap, on passt, and on a descriptor: ping, checksummed transfers both ways, and lost links. Requires root and
# KVM, as in the rig.
#
#   net.sh --prepare            makes the guests' files; needs a network
#   net.sh vmlinux|cloud        the project's kernel, or Debian's for virtual machines
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --prepare ]; then
  . tests/system/prepare.sh
  prepare_guests net virtio_mmio,virtio_net --with tests/system/net/guest.sh
  exit
fi
. tests/system/lib.sh
kernel=$1
case $kernel in
vmlinux) initrd=net.cpio ;;
cloud) initrd=net-cloud.cpio ;;
*) echo "net.sh: which kernel?" >&2 && exit 2 ;;
esac
cp "$bothy" "$kernels/$initrd" "$kernels/$kernel" "$work"
bothy=$work/bothy
modprobe -q tun || true

head -c 1M /dev/urandom >"$work/file"
sum=$(sha256sum <"$work/file" | cut -d' ' -f1)
python3 tests/system/net/host.py "$work/file" &
peer=$!
trap 'kill $peer 2>/dev/null; rm -rf "$work"' EXIT
until ss -tln | grep -q ':8001 '; do sleep 0.2; done

# guest CASE ADDRESS PEER FLAG...
guest() {
  local words="quiet bothy.exec=\"/tests/system/net/guest.sh $1 $2 $3\""
  shift 3
  "$bothy" boot --kernel "$work/$kernel" --initrd "$work/$initrd" --memory 256M --timeout 1000s --cmdline "$words" "$@"
}
# Gives an interface an address as soon as the interface exists.
address_when_up() { # INTERFACE ADDRESS
  until ip link show "$1" >/dev/null 2>&1; do sleep 0.1; done
  ip addr add "$2/24" dev "$1"
}
# said NAME TEXT: the last guest has printed TEXT.
said() {
  if tr -d '\r' <"$work/out" | grep -qx "guest: $2"; then pass "$kernel: $1"; else fail "$kernel: $1" "not said: $2"; fi
}
gone() { # NAME INTERFACE
  if ip link show "$2" >/dev/null 2>&1; then fail "$kernel: $1" "$2 is still there"; else pass "$kernel: $1"; fi
}
# Runs a guest's case `lost`, and removes its link by COMMAND once the guest is ready.
lose() { # NAME FLAG COMMAND...
  local name=$1 flag=$2 status=0
  shift 2
  guest lost 10.9.1.2 10.9.1.1 --net "$flag" >"$work/out" 2>"$work/err" </dev/null &
  local monitor=$!
  until grep -q 'guest: ready' "$work/out" || ! kill -0 $monitor 2>/dev/null; do sleep 0.2; done
  "$@"
  wait $monitor || status=$?
  if [ $status -eq 0 ]; then pass "$kernel: $name"; else fail "$kernel: $name" "status $status"; fi
  said "$name: the guest sees it" 'carrier 0'
  said "$name: the guest runs on" 'runs on'
}

address_when_up t0 10.9.0.1 &
run 0 "$kernel: a tap of two queues" -- guest basic 10.9.0.2 10.9.0.1 --cpus 2 \
  --net tap=t0,queues=2,mac=02:00:00:00:00:07,mtu=1400
wait $! || true
said 'ping' ping
said 'two queues' 'queues 2'
said 'its address' 'mac 02:00:00:00:00:07'
said 'its MTU' 'mtu 1400'
said 'merged buffers and segmentation' 'features mrg=1 tso=11'
said '1 MiB from the host' "received $sum"
said '1 MiB to the host' "sent sum $sum"
gone 'a created tap goes with the monitor' t0

run 0 "$kernel: passt" -- guest transfer 192.0.2.2 192.0.2.1 --net user
said 'passt: a lease' lease
said 'passt: 1 MiB from the host' "received $sum"
said 'passt: 1 MiB to the host' "sent sum $sum"
sleep 0.5
if pgrep passt >"$work/out"; then fail "$kernel: passt ends with the monitor" "it runs"; else
  pass "$kernel: passt ends with the monitor"
fi

ip tuntap add keep mode tap
ip addr add 10.9.2.1/24 dev keep
ip link set keep up
run 0 "$kernel: a tap by its descriptor" -- python3 tests/system/net/with_tap.py keep \
  "$bothy" boot --kernel "$work/$kernel" --initrd "$work/$initrd" --memory 256M --timeout 1000s --net fd=3 \
  --cmdline 'quiet bothy.exec="/tests/system/net/guest.sh transfer 10.9.2.2 10.9.2.1"'
said 'by descriptor: 1 MiB from the host' "received $sum"
said 'by descriptor: 1 MiB to the host' "sent sum $sum"
run 125 "$kernel: a tap that is in use" --err 'tap keep is in use' -- python3 tests/system/net/with_tap.py keep \
  "$bothy" boot --kernel "$work/$kernel" --net tap=keep
run 125 "$kernel: an interface that is no tap" --err 'dummy0 exists and is not a tap' -- \
  "$bothy" boot --kernel "$work/$kernel" --net tap=dummy0
run 125 "$kernel: a tap with too few queues" --err 'has one queue instead of 2' -- \
  "$bothy" boot --kernel "$work/$kernel" --net tap=keep,queues=2

lose 'a tap deleted' tap=t1 ip link del t1
lose 'passt killed' user pkill passt
finish
