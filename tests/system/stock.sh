#!/usr/bin/env bash
# Images with one of Debian's unmodified kernels and its modules. Requires what run.sh requires.
#
#   stock.sh cloud|generic
#   stock.sh --prepare    fetches the kernels, and indexes their modules, as an installation does
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --prepare ]; then
  for kernel in cloud generic; do
    modules=$(scripts/debian-kernel $kernel --modules)
    [ -e "$modules/modules.dep" ] || depmod -b "${modules%/lib/modules/*}" "${modules##*/}"
  done
  exit
fi
. tests/system/lib.sh
. tests/system/instances.sh

import_image
cp "$(scripts/debian-kernel "$1")" "$work/kernel"
original=$(scripts/debian-kernel "$1" --modules)
version=${original##*/}
modules=$work/modules
mkdir "$modules"
ln -s "$original/kernel" "$modules/kernel"
vm() { "$bothy" run --rm --network none --kernel "$work/kernel" --modules "$modules" "$@"; }

run 125 'modules without an index' --err depmod -- vm bb true
cp "$original"/modules.{dep,builtin,softdep,alias} "$modules"
mkdir "$work/volume"
echo 'from the host' >"$work/volume/file"
echo 'alone' >"$work/file"
# The guest's memory has more room than this scratch disk.
run 7 "Debian's kernel: its release, an exit status, stderr, volumes, a scratch disk" --out "$version" --err err \
  --out 'from the host' --out alone --out fits -- vm -v "$work/volume:/mnt" -v "$work/file:/file" --storage 100M bb sh -c \
  'uname -r; echo err >&2; cat /mnt/file /file
   test "$(busybox df -k / | busybox awk "END {print \$2}")" -lt 110000 && echo fits; exit 7'
run 0 'a web server' -- "$bothy" run -d --rm --name web -p 8088:80 --kernel "$work/kernel" --modules "$modules" bb \
  sh -c 'mkdir /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www'
sleep 1
says 'its network' served wget -qO- --timeout 60 --tries 10 --retry-connrefused http://127.0.0.1:8088/
run 0 'its end' -- "$bothy" stop -t 1 web
# Distributions compress modules in different formats.
mkdir "$modules/packed"
xz -dcf "$modules"/kernel/fs/erofs/erofs.ko* | xz -0 >"$modules/packed/erofs.ko.xz"
sed -i 's,^kernel/fs/erofs/erofs.ko[^:]*:,packed/erofs.ko.xz:,' "$modules/modules.dep"
says 'a packed module' "$version" vm bb uname -r
sed -i '/^[^:]*overlay.ko[^:]*:/d' "$modules/modules.dep"
run 125 'a module that is missing' --err "no module 'overlay'" -- vm bb true
run 125 'modules of no kernel' --err 'needs --kernel' -- "$bothy" run --modules "$modules" bb true
run 125 'no modules there' --err modules.dep -- vm --modules "$work/nothere" bb true
finish
