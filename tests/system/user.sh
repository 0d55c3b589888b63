#!/usr/bin/env bash
# An ordinary user, with access to /dev/kvm and subordinate ids: images made by buildah, umoci, docker save and mmdebstrap, in common uses. Requires
# what boot.sh requires, and passt.
#
#   user.sh [ISOLATION]
#   user.sh --prepare    makes the images; needs a network
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib.sh
made=build/guest/x86_64/made
debian=$BOTHY_CACHE/images/debian-bookworm.tar

# The files of all images, a web server among them.
make_files() {
  mkdir -p "$1"/{bin,etc,tmp,srv,home/alice}
  cp /bin/busybox "$1/bin/"
  local name
  for name in cat echo grep head httpd id kill nslookup sh sha256sum sleep stat stty touch true wc wget; do
    ln -s busybox "$1/bin/$name"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\nalice:x:1000:\n' >"$1/etc/group"
  echo served >"$1/srv/index.html"
  chown 1000:1000 "$1/home/alice"
  chmod 1777 "$1/tmp"
}

prepare() {
  rm -rf "$made"
  mkdir -p "$made"
  make_files "$made/files"
  # With a temporary store: only the images are kept.
  local buildah=(buildah --root "$made/root" --runroot "$made/runroot" --storage-driver vfs) container
  container=$("${buildah[@]}" from scratch)
  "${buildah[@]}" copy -q "$container" "$made/files" / >/dev/null
  "${buildah[@]}" config --cmd '["echo", "by buildah"]' --env MADE=buildah --workingdir /srv "$container"
  "${buildah[@]}" commit -q "$container" made >/dev/null
  "${buildah[@]}" push -q made "oci:$PWD/$made/buildah:1"
  "${buildah[@]}" push -q made "docker-archive:$PWD/$made/saved.tar:saved:1"
  "${buildah[@]}" rm "$container" >/dev/null
  rm -rf "$made/root" "$made/runroot"
  umoci init --layout "$made/umoci"
  umoci new --image "$made/umoci:1"
  umoci insert --image "$made/umoci:1" "$made/files" / >/dev/null 2>&1
  umoci config --image "$made/umoci:1" --config.cmd echo --config.cmd 'by umoci'
  if ! [ -e "$debian" ]; then
    say "fetching a Debian"
    mkdir -p "${debian%/*}"
    local mirror documents=()
    # The mirror of this machine's own packages.
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    for directory in doc locale man; do documents+=("--dpkgopt=path-exclude=/usr/share/$directory/*"); done
    mmdebstrap --quiet --variant=essential --aptopt='Acquire::Retries "3"' "${documents[@]}" bookworm "${debian%.tar}.part.tar" ${mirror:+"$mirror"}
    mv "${debian%.tar}.part.tar" "$debian"
  fi
  # Only its owner may read the cache.
  ln "$debian" "$made/debian.tar" 2>/dev/null || cp "$debian" "$made/debian.tar"
  chmod -R a+rX "$made"
}
if [ "${1:-}" = --prepare ]; then
  prepare
  exit
fi
. tests/system/lib.sh

cp "$bothy" "$kernels/vmlinux" tests/system/run/{resize,names}.py "$work"
bothy=$work/bothy
chmod 755 "$work"
mkdir "$work/home"
chown 1234:1234 "$work/home"
chgrp 4321 /dev/kvm
chmod 660 /dev/kvm
# As on a desktop: /dev/net/tun for all, and an account with subordinate ids.
chmod 666 /dev/net/tun
cp /etc/passwd "$work/passwd"
echo "someone:x:1234:1234::$work/home:/bin/sh" >>"$work/passwd"
echo someone:100000:65536 | tee "$work/subuid" >"$work/subgid"
accounts=(passwd subuid subgid)
for file in "${accounts[@]}"; do mount --bind "$work/$file" "/etc/$file"; done
user=(setpriv --reuid 1234 --regid 1234 --groups 4321 env -i "HOME=$work/home" "PATH=$PATH" "BOTHY_KERNEL=$work/vmlinux"
  "BOTHY_ISOLATION=${1:-vm}")
bothy() { "${user[@]}" "$bothy" "$@"; }
once() { bothy run --rm "$@"; }
offline() { once --network none "$@"; }

run 0 "buildah's layout" -- bothy image import "$made/buildah" --name buildah
run 0 "docker save's tar" --out saved:1 -- bothy image import "$made/saved.tar"
run 0 "umoci's layout" -- bothy image import "$made/umoci" --name umoci
run 0 "mmdebstrap's tar" -- bothy image import "$made/debian.tar"
for image in buildah saved:1; do
  says "$image: its own command" 'by buildah' offline $image
  says "$image: its variables, its directory" 'buildah /srv' offline $image sh -c 'echo $MADE $PWD'
done
says 'umoci: its own command' 'by umoci' offline umoci
for image in buildah saved:1 umoci debian; do
  run 3 "$image: stdin, stdout and stderr, an exit status" --out "$(head -c 300000 "$work/vmlinux" | sha256sum)" --err err -- \
    sh -c 'file=$1; shift; head -c 300000 "$file" | "$@"' sh "$work/vmlinux" \
    "${user[@]}" "$bothy" run --rm -i --network none $image sh -c 'sha256sum; echo err >&2; exit 3'
  if grep -q err "$work/out" || [ "$(wc -l <"$work/err")" -ne 1 ]; then fail "$image: apart" mixed; else pass "$image: apart"; fi
  run 137 "$image: a signal" -- offline --init $image sh -c 'kill -9 $$'
  run 0 "$image: a terminal that is resized" --out 'then 40 120' -- "${user[@]}" python3 "$work/resize.py" "$bothy" $image
done
says 'Debian: its release' bookworm offline debian sh -c '. /etc/os-release; echo $VERSION_CODENAME'
says 'Debian: its package manager' installed offline debian dpkg-query -W -f '${db:Status-Status}' bash
says 'Debian: a user of it' 'www-data 33 /' offline -u www-data debian sh -c 'echo $(id -un) $(id -u) $(pwd)'
says 'a user of the image' 1000 offline -u alice buildah id -u

# A server of this machine, by a name.
ip addr add 10.255.255.53/32 dev lo 2>/dev/null || true
python3 "$work/names.py" served.example 192.0.2.2 &
names=$!
busybox httpd -f -p 8000 -h "$made/files/srv" &
server=$!
trap 'kill $names $server 2>/dev/null; umount "${accounts[@]/#//etc/}"; rm -rf "$work"' EXIT
for _ in $(seq 100); do if busybox nslookup served.example 127.0.0.1 >"$work/out" 2>&1; then break; else sleep 0.2; fi; done
for image in buildah debian; do
  case $image in
  # Debian's static busybox asks a name server only when told to, and for some seconds, which passt may take to start here.
  buildah) fetch='for n in 1 2 3; do nslookup served.example | grep -q 192.0.2.2 && exec wget -qO- http://192.0.2.2:8000/index.html; done' ;;
  debian) fetch="perl -MSocket -e 'socket(\$s, PF_INET, SOCK_STREAM, 0); connect(\$s, sockaddr_in(8000, inet_aton(\"served.example\"))) or die;
      syswrite \$s, \"GET /index.html HTTP/1.0\\r\\n\\r\\n\"; print grep { /^served/ } <\$s>'" ;;
  esac
  says "$image: a name, and HTTP" served once $image sh -c "$fetch"
done

# A long-running instance.
"${user[@]}" mkdir "$work/home/shared"
"${user[@]}" sh -c "echo 'from here' >'$work/home/shared/file'"
run 0 'a web server' -- bothy run -d --name web -p 8080:80 -v "$work/home/shared:/mnt" buildah \
  sh -c 'echo started; exec httpd -f -p 80 -h /srv'
says 'on a published port' served wget -qO- --timeout 60 --tries 10 --retry-connrefused http://127.0.0.1:8080/
says 'exec, and a volume' 'from here' bothy exec web cat /mnt/file
says 'back' 'from there' sh -c '"$@" exec web sh -c "echo from there >/mnt/back" && cat '"$work/home/shared/back" sh "${user[@]}" "$bothy"
says 'whose it is' 1234 stat -c %u "$work/home/shared/back"
says 'logs' started bothy logs web
says 'cp out' served sh -c '"$@" cp web:/srv/index.html - | tar -xO' sh "${user[@]}" "$bothy"
run 0 'cp in' -- bothy cp "$work/home/shared/file" web:/srv/new
says 'which is served' 'from here' wget -qO- --timeout 60 --tries 10 http://127.0.0.1:8080/new
run 0 'stop' -- bothy stop -t 2 web
run 0 'rm' -- bothy rm web
# The owner ends a moment after its clients have been told. Zombies are the host's init's to reap.
for _ in $(seq 100); do pgrep -u 1234 -r D,R,S,T >"$work/out" || break; sleep 0.1; done
if pgrep -u 1234 -r D,R,S,T -a >"$work/out"; then fail 'nothing of it runs on' "$(ps -u 1234)"; else pass 'nothing of it runs on'; fi
finish
