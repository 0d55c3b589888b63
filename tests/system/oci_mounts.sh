#!/usr/bin/env bash
# Mounts of `bothy oci`: tmpfs that begin with what they cover, remounts, and every option that `features` names. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh
chmod 755 "$work"
root=$bundle/rootfs
mount() { # DESTINATION TYPE SOURCE OPTIONS: Python that adds a mount
  python3 -c 'import sys; print("c[\"mounts\"].append(dict(zip((\"destination\", \"type\", \"source\", \"options\"), %r)));" % (sys.argv[1:4] + [sys.argv[4].split()],))' "$@"
}

# What a tmpfs begins with.
command='cat /full/file /full/sub/deep/file; readlink /full/link; readlink /full/absolute; stat -c "%n %a %u:%g" /full; stat -c "%n %a %u:%g %F %Y" /full/*; ls -A /full/odd; echo more >/full/new; grep " /full " /proc/self/mounts'
config
for name in readlink grep find wc; do ln -sf busybox "$root/bin/$name"; done
mkdir -p "$root/full/sub/deep" "$root/full/odd/.hidden"
chmod 3751 "$root/full"
echo content >"$root/full/file"
echo deep >"$root/full/sub/deep/file"
ln -s /etc/passwd "$root/full/absolute"
ln -s nothing "$root/full/link"
mkfifo -m 622 "$root/full/fifo"
mknod -m 640 "$root/full/device" c 1 3
chown 1000:1001 "$root/full/file"
chmod 4755 "$root/full/file"
chown -h 7:8 "$root/full/link"
touch -h -d @1000000 "$root/full"/*
expected=$(cd "$root" && echo content && echo deep && echo nothing && echo /etc/passwd && stat -c "/%n %a %u:%g" full && stat -c "/%n %a %u:%g %F %Y" full/* && ls -A full/odd)
config "$(mount /full tmpfs tmpfs 'tmpcopyup nosuid size=1m')"
run 0 'a tmpfs with the files that it covers' --out '/full tmpfs rw,nosuid' -- oci run -b "$bundle" box
head -n -1 "$work/out" >"$work/seen"
says 'are all as they were' "$expected" cat "$work/seen"
if [ "$(cat "$root/full/file")" = content ] && [ ! -e "$root/full/new" ]; then pass 'the root is left alone'; else fail 'the root is left alone' "$(cat "$root/full/file")"; fi
command='cat /full/file; echo x >/full/new'
config "$(mount /full tmpfs tmpfs 'tmpcopyup ro')"
run 1 'one that is read-only' --out content --err 'Read-only' -- oci run -b "$bundle" box
config "$(mount /full tmpfs tmpfs 'tmpcopyup mode=700')"
command='stat -c %a /full; cat /full/file'
config "$(mount /full tmpfs tmpfs 'tmpcopyup mode=700')"
run 0 'a mode that an option says' --out 700 --out content -- oci run -b "$bundle" box
command='stat -c "%a" /full /empty; ls /full | wc -l'
config "$(mount /full tmpfs tmpfs nosuid) $(mount /empty tmpfs tmpfs tmpcopyup)"
run 0 'the mode of what is covered, or of none' --out "$(printf '3751\n1777\n0')" -- oci run -b "$bundle" box
command='grep -E " /(dev|dev/shm|named) " /proc/self/mounts; : >/dev/shm/x; : >/dev/new'
config "[m['options'].append('ro') for m in c['mounts'] if m['destination'] == '/dev']; $(mount /named tmpfs tmpfs 'ro mode=755') $(mount /named/below tmpfs tmpfs nosuid)"
run 1 'read-only once all is made in it' --out ' /dev tmpfs ro,' --out 'tmpfs /named tmpfs ro,' --err '/dev/new: Read-only' -- oci run -b "$bundle" box
# Without pivot_root the host's proc is gone all the same: none can be mounted without what is masked.
command='unshare -mrpf mount -t proc none /proc'
config "c['linux']['maskedPaths'] = ['/proc/kcore']; [c['process']['capabilities'][each].append('CAP_SETFCAP') for each in ('bounding', 'permitted', 'effective')]"
for name in unshare mount; do ln -sf busybox "$root/bin/$name"; done
run 1 'a proc that shows more than the container has' --err 'denied' -- oci run --no-pivot -b "$bundle" box
# As a mount before has it.
mkdir -p "$work/volume/inside"
echo volume >"$work/volume/inside/file"
command='cat /full/inside/file'
config "$(mount /full bind "$work/volume" bind) $(mount /full/inside tmpfs tmpfs tmpcopyup)"
run 0 'files of another mount' --out volume -- oci run -b "$bundle" box
# A root is hostile: links out of it, a directory without an end, more than fits.
ln -s "../../../../../../../..$work/volume" "$root/out"
mkdir -p "$root$work/volume"
command='ls /out/ | wc -l'
config "$(mount /out tmpfs tmpfs tmpcopyup)"
run 0 'a link out of the root' --out 0 -- oci run -b "$bundle" box
(mkdir "$root/deep" && cd "$root/deep" && for _ in $(seq 200); do mkdir d && cd d; done)
config "$(mount /deep tmpfs tmpfs tmpcopyup)"
run 1 'directories without an end' --err "can't mount 'tmpfs' on '/deep'" -- oci run -b "$bundle" box
head -c 2000000 /dev/zero >"$root/full/large"
config "$(mount /full tmpfs tmpfs 'tmpcopyup size=1m')"
run 1 'more than fits' --err "can't mount 'tmpfs' on '/full': No space left" -- oci run -b "$bundle" box
rm -rf "$root/deep" "$root/full/large"
command='cat /full/file; stat -c %u:%g /full/file; ls /full/device'
user_namespace="c['linux']['namespaces'].append({'type': 'user'}); c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 700000, 'size': 65536}];"
config "$user_namespace $(mount /full tmpfs tmpfs tmpcopyup)"
chown -R 700000:700000 "$root"
run 1 'in a user namespace, without devices' --out content --out 0:0 --err '/full/device' -- oci run -b "$bundle" box
command='cat /v/file'
mkdir -p "$work/private/directory"
chmod 700 "$work/private"
echo private >"$work/private/directory/file"
config "$user_namespace $(mount /v bind "$work/private/directory" bind)"
run 0 'a source that the user cannot reach' --out private -- oci run -b "$bundle" box
rm -rf "$root"

# Remounts.
command='grep " /v " /proc/self/mounts; echo x >/v/new'
config "$(mount /v bind "$work/volume" 'bind nosuid') $(mount /v bind "$work/volume" 'bind remount ro')"
ln -sf busybox "$root/bin/grep"
run 1 'a remount read-only keeps what the mount has' --out 'ro,nosuid' --err 'Read-only' -- oci run -b "$bundle" box
config "$(mount /v tmpfs tmpfs 'size=1m noexec') $(mount /v tmpfs tmpfs 'remount size=2m exec nodev')"
run 0 'of a tmpfs' --out 'rw,nodev,relatime,size=2048k' -- oci run -b "$bundle" box
config "$(mount /v bind "$work/volume" bind) $(mount /v '' '' 'remount ro')"
run 1 'without a type' --err 'Read-only' -- oci run -b "$bundle" box
if touch "$work/volume/later"; then pass 'the host writes there'; else fail 'the host writes there' ''; fi
command='touch /x'
config "c['root']['readonly'] = False; $(mount / bind / 'bind remount ro')"
run 1 'of the root' --err 'Read-only' -- oci run -b "$bundle" box
ln -s / "$root/up"
config "c['root']['readonly'] = False; $(mount "/up/proc" bind / 'bind remount ro')"
run 0 'by a link in the root' -- oci run -b "$bundle" box

# Whatever features names is accepted.
command='echo accepted'
oci features >"$work/features"
for name in $(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1]))["hooks"])' "$work/features"); do
  path=/bin/true
  if [ "$name" = startContainer ]; then path=/bin/cat; fi
  config "c['hooks'] = {'$name': [{'path': '$path'}]}"
  run 0 "the hook $name" --out accepted -- oci run -b "$bundle" box
done
for option in $(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1]))["mountOptions"])' "$work/features"); do
  case $option in
  bind | rbind) config "$(mount /o bind "$work/volume" "$option")" ;;
  idmap | ridmap) config "$(mount /o bind "$work/volume" "bind $option") c['mounts'][-1]['uidMappings'] = c['mounts'][-1]['gidMappings'] = [{'containerID': 0, 'hostID': 1000, 'size': 10}]" ;;
  remount) config "$(mount /o tmpfs tmpfs '') $(mount /o tmpfs tmpfs 'remount nosuid')" ;;
  *) config "$(mount /o tmpfs tmpfs "$option")" ;;
  esac
  run 0 "the mount option $option" --out accepted -- oci run -b "$bundle" box
done
if [ -n "$(ls -A "$work/state")" ]; then fail 'nothing is left' "$(ls "$work/state")"; else pass 'nothing is left'; fi
finish
