# Functions that run images, with the isolation `isolation`. To be sourced after lib.sh.
# shellcheck shell=bash disable=SC2154 # lib.sh sets work, bothy and kernels

export BOTHY_ISOLATION=${isolation:=vm} BOTHY_STORE=$work/store BOTHY_RUN=$work/run BOTHY_KERNEL=$work/vmlinux
# The file tree may be remote: files that are used many times are copied.
cp "$bothy" "$work"
if [ "$isolation" = vm ]; then cp "$kernels/vmlinux" "$work"; fi
bothy=$work/bothy
# The last container of an image unmounts it once its clients have been told.
trap 'for _ in $(seq 50); do grep -q "$work" /proc/mounts || break; sleep 0.1; done; rm -rf "$work"' EXIT

# Imports the image bb: busybox, two users, a text file as a program, and each FILE as a program.
import_image() { # [FILE]...
  local root=$work/root name
  mkdir -p "$root"/{bin,etc,tmp,home/alice}
  cp /bin/busybox "$@" "$root/bin/"
  for name in sh true cat echo env find head hostname httpd id ln ls mkdir mount mv nc ping ps pwd rm seq sha256sum sleep stat stty touch uname wget wc \
    kill test grep yes; do
    ln -s busybox "$root/bin/$name"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nalice:x:1000:\nstaff:x:50:alice\n' >"$root/etc/group"
  echo 'no program' >"$root/bin/text"
  chmod 755 "$root/bin/text"
  ln -s loop "$root/bin/loop"
  chown 1000:1000 "$root/home/alice"
  run 0 'an image' -- "$bothy" image import "$root" --name bb
}

# A run without a network, removed at its end.
once() { "$bothy" run --rm --network none "$@"; }

# COMMAND must succeed with exactly the output WANTED.
says() { # NAME WANTED COMMAND...
  local name=$1 wanted=$2 status=0
  shift 2
  "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
  if [ $status -eq 0 ] && [ "$(cat "$work/out")" = "$wanted" ]; then pass "$name"; else fail "$name" "status $status"; fi
}
