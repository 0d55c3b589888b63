#!/bin/busybox sh
# The guest of tests/system/balloon.sh: takes 200 MiB, frees them, then tells how much memory it has.
mount -t tmpfs -o size=90% tmpfs /tmp
dd if=/dev/zero of=/tmp/big bs=1M count=200 2>/dev/null
echo filled
sleep 4
rm /tmp/big
echo freed
while :; do
  sed -n 's/^MemTotal: *\([0-9]*\).*/total \1/p; s/^MemFree: *\([0-9]*\).*/free \1/p' /proc/meminfo
  sleep 1
done
