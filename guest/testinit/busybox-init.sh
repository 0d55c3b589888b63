#!/bin/busybox sh
# Init of the busybox initial RAM disk: a shell on the console, or bothy.exec="COMMAND" of the kernel command line.
bb=/bin/busybox
$bb mkdir -p /proc /sys /dev /run /tmp /root /etc /sbin /usr/bin /usr/sbin
$bb mount -t devtmpfs devtmpfs /dev
# The boot marker (guest/protocol/boot_marker.h): 123 to port 0x3f0.
printf '\173' | $bb dd of=/dev/port bs=1 seek=1008 conv=notrunc 2>/dev/null
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t tmpfs tmpfs /run
$bb mkdir -p /dev/pts /dev/shm
$bb mount -t devpts devpts /dev/pts
$bb mount -t tmpfs tmpfs /dev/shm
$bb --install -s 2>/dev/null # what --with brought stays
for module in /modules/*; do
  [ ! -e "$module" ] || $bb insmod "$module" || echo "init: $module doesn't load"
done
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root TERM=${TERM:-linux}
cd /root || exit

# A value in double quotes may hold spaces: the kernel hands the command line on as it was written.
read -r line </proc/cmdline
command=''
case " $line" in
  *' bothy.exec="'*)
    command=${line#*bothy.exec=\"}
    command=${command%%\"*}
    ;;
  *' "bothy.exec='*)
    command=${line#*\"bothy.exec=}
    command=${command%%\"*}
    ;;
  *' bothy.exec='*)
    command=${line#*bothy.exec=}
    command=${command%% *}
    ;;
esac

if [ -n "$command" ]; then
  sh -c "$command"
  echo "bothy.exec: exit status $?"
else
  echo
  echo "$(uname -sr) on $(nproc) CPU(s), $(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024)) MiB: busybox shell."
  echo "'exit' or 'poweroff -f' turns the machine off."
  setsid cttyhack sh
fi
poweroff -f
