#!/bin/busybox sh
# The guest of tests/system/fs.sh: CASE of what it does with the directory of the tag "data".
say() { echo "guest: $*"; }
sum() { sha256sum "$1" | cut -d' ' -f1; }

mkdir -p /data
mount -t virtiofs data /data || { say 'no mount'; exit 1; }
case $1 in
both)
  say "received $(sum /data/from-host)"
  dd if=/dev/urandom of=/tmp/file bs=1M count=4 2>/dev/null
  cp /tmp/file /data/from-guest
  say "sent $(sum /tmp/file)"
  mkdir /data/directory && mv /data/from-guest /data/directory/ && ln -s directory /data/link && rm /data/victim
  say "found $(sum /data/link/from-guest)"
  say "owner $(stat -c %u:%g /data/from-host) $(stat -c %u:%g /data/directory)"
  chown 1000:1001 /data/directory/from-guest 2>/dev/null && say 'gave away'
  mkfifo /data/directory/fifo && say 'made a fifo'
  mknod /data/directory/null c 1 3 2>/dev/null || mknod /data/directory/loop b 7 0 2>/dev/null || say 'no device nodes'
  say "below $(cat /data/below/file)"
  say waits
  until [ -e /data/later ]; do sleep 0.2; done
  say "later $(cat /data/later)"
  cat /data/../data/link/../from-host >/dev/null && ! cat /data/escape 2>/dev/null && say 'no escape'
  umount /data && mount -t virtiofs data /data && say "again $(cat /data/later)"
  # The device is reset, and started again.
  umount /data
  driver=$(echo /sys/bus/virtio/drivers/virtio*fs)
  device=$(basename "$(ls -d "$driver"/virtio[0-9]*)")
  echo "$device" >"$driver/unbind" && echo "$device" >"$driver/bind" && mount -t virtiofs data /data &&
    say "reset $(sum /data/from-host)"
  ;;
read-only)
  say "received $(sum /data/from-host)"
  if ! echo x 2>/dev/null >/data/new && ! rm /data/from-host 2>/dev/null && ! mount -o remount,rw /data/below 2>/dev/null &&
    ! echo x 2>/dev/null >/data/below/new; then say refused; fi
  ;;
dies)
  for i in 1 2 3; do
    while dd if=/dev/zero of=/data/big$i bs=256k count=40 conv=notrunc,fsync 2>/dev/null && sha256sum /data/big$i >/dev/null; do :; done &
  done
  sleep 1
  say ready
  while cat /data/from-host >/dev/null 2>&1; do sleep 0.2; done
  cat /data/from-host 2>&1 | sed 's/.*: /guest: error: /'
  ls /data >/dev/null 2>&1 || say 'no list'
  wait && say 'writers end'
  say 'runs on'
  ;;
esac
