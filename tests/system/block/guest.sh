#!/bin/busybox sh
# The guest's side of block.sh: one step of it.
step=$1
mkdir -p /mnt
case $step in
write) # /dev/vda a file system, /dev/vdb to read, /dev/vdc on a host without room
  mount -t ext4 /dev/vda /mnt && dd if=/dev/urandom of=/mnt/a bs=64k count=128 2>/dev/null && (cd /mnt && sha256sum a >sum) &&
    umount /mnt && echo guest: ok write
  echo "guest: serial=$(cat /sys/block/vda/serial) ro=$(cat /sys/block/vdb/ro) queues=$(ls /sys/block/vda/mq | wc -l)"
  dd if=/dev/zero of=/dev/vdb bs=4k count=1 conv=fsync 2>/dev/null || echo guest: ok read-only
  dd if=/dev/zero of=/dev/vdc bs=64k count=256 conv=fsync 2>/dev/null || echo guest: ok no room
  dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null && echo guest: ok alive
  ;;
trim)
  mount -t ext4 /dev/vda /mnt && (cd /mnt && sha256sum -c sum && rm a) && echo guest: ok read
  sync && fstrim /mnt && umount /mnt && echo guest: ok trim
  ;;
killed)
  mount -t ext4 /dev/vda /mnt && dd if=/dev/urandom of=/mnt/b bs=64k count=64 2>/dev/null && sync &&
    echo "guest: flushed $(sha256sum /mnt/b)"
  before=$(cat /sys/block/vda/size)
  while [ "$(cat /sys/block/vda/size)" = "$before" ]; do sleep 0.1; done
  echo "guest: resized from $before to $(cat /sys/block/vda/size)"
  while true; do
    dd if=/dev/urandom of=/mnt/c bs=64k count=64 2>/dev/null
    sync
  done
  ;;
esac
