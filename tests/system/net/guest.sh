#!/bin/sh
# What the guest of tests/system/net.sh does: guest.sh CASE ADDRESS PEER. Says "guest: WORDS" for each thing that holds.
case=$1 address=$2 peer=$3
nic=/sys/class/net/eth0
say() { echo "guest: $*"; }

ip link set eth0 up
ip addr add "$address/24" dev eth0

# File by file, both ways, checked by their sums: what the peer serves on port 8000, and takes on 8001.
transfer() {
  nc "$peer" 8000 >/tmp/file
  say "received $(sha256sum </tmp/file | cut -d' ' -f1)"
  # Not until its end: Debian 12's passt may keep that to itself once ours has come.
  nc "$peer" 8001 </tmp/file >/tmp/answer &
  i=0
  until grep -q sum /tmp/answer || ! kill -0 $! 2>/dev/null || [ $i -eq 1000 ]; do
    i=$((i + 1))
    usleep 100000
  done
  kill $! 2>/dev/null
  say "$(cat /tmp/answer)"
}
wait_for_carrier() { # VALUE
  i=0
  while [ "$(cat $nic/carrier)" != "$1" ] && [ $i -lt 200 ]; do
    i=$((i + 1))
    usleep 100000
  done
  say "carrier $(cat $nic/carrier)"
}

case $case in
basic)
  ping -c 3 -A "$peer" | grep -q ' 0% packet loss' && say ping
  set -- "$nic"/queues/rx-*
  say "queues $#"
  say "mac $(cat $nic/address)"
  say "mtu $(cat $nic/mtu)"
  # Bits in the order of their numbers: merged buffers, and TCP segmentation both ways.
  features=$(cat $nic/device/features)
  say "features mrg=$(echo "$features" | cut -c16) tso=$(echo "$features" | cut -c12)$(echo "$features" | cut -c8)"
  transfer
  ;;
transfer)
  ip route add default via "$peer"
  [ "$peer" != 192.0.2.1 ] || udhcpc -i eth0 -f -n -q 2>&1 | grep -q "lease of $address obtained" && say lease
  transfer
  ;;
lost)
  say ready
  wait_for_carrier 0
  # What is sent now goes nowhere, and nothing hangs.
  ping -c 1 -W 1 "$peer" >/dev/null 2>&1 || say 'runs on'
  ;;
esac
