#!/bin/busybox sh
# The guest of tests/system/balloon.sh: allocates 100 MiB, frees them, then prints its amount of memory. With `short`: allocates
# them when the balloon has left less.
if [ "${1:-}" = short ]; then
  free() { sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo; }
  while [ "$(free)" -gt 80000 ]; do sleep 0.2; done
  echo short
  if dd if=/dev/zero of=/dev/null bs=110M count=1 2>/dev/null; then echo held; else echo killed; fi
  exit
fi
mount -t tmpfs -o size=90% tmpfs /tmp
dd if=/dev/zero of=/tmp/big bs=1M count=100 2>/dev/null
echo filled
sleep 2
rm /tmp/big
echo freed
while :; do
  sed -n 's/^MemTotal: *\([0-9]*\).*/total \1/p; s/^MemFree: *\([0-9]*\).*/free \1/p' /proc/meminfo
  sleep 1
done
