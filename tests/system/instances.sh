# Functions that run images, with the isolation `isolation`. To be sourced after lib.sh.
# shellcheck shell=bash disable=SC2154 # lib.sh sets work, bothy and kernels

export BOTHY_ISOLATION=${isolation:=vm} BOTHY_STORE=$work/store BOTHY_RUN=$work/run BOTHY_KERNEL=$work/vmlinux
# The file tree may be remote: files that are used many times are copied.
cp "$bothy" "$work"
if [ "$isolation" = vm ]; then cp "$kernels/vmlinux" "$work"; fi
bothy=$work/bothy
trap 'wait_for_unmount "$work"; rm -rf "$work"' EXIT

# The last container of an image unmounts it a moment after its clients have been told of its end.
wait_for_unmount() { # DIRECTORY
  for _ in $(seq 100); do grep -q "$1" /proc/mounts || break; sleep 0.1; done
}

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
