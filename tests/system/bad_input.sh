#!/usr/bin/env bash
# Bad input: one clear error line, a distinct exit status, no remaining files. Requires a /dev/kvm of any kind.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh

boot() { "$bothy" boot "$@"; }

: >"$work/empty"
echo 'I am a text file, and no kernel at all' >"$work/text"
head -c 4096 "$kernels/vmlinux" >"$work/truncated"
head -c 65536 "$kernels/bzImage" >"$work/truncated-bz"
cp "$work/truncated" "$work/arm" && printf '\267\000' | dd of="$work/arm" bs=1 seek=18 conv=notrunc status=none
mkfifo "$work/fifo"

run 127 'a missing kernel' --err 'nothere' -- boot --kernel "$work/nothere"
run 126 'an empty kernel' --err 'empty' -- boot --kernel "$work/empty"
run 126 'a text file as kernel' --err 'text' -- boot --kernel "$work/text"
run 126 'a truncated ELF' --err "$work/truncated" -- boot --kernel "$work/truncated"
run 126 'a truncated bzImage' --err "$work/truncated-bz" -- boot --kernel "$work/truncated-bz"
run 126 'an ELF for another machine' --err 'x86-64' -- boot --kernel "$work/arm"
run 126 'a directory as kernel' --err "$work" -- boot --kernel "$work"
run 126 'a FIFO as kernel' --err 'fifo' -- timeout 300 "$bothy" boot --kernel "$work/fifo"
run 127 'a missing initrd' --err 'nothere' -- boot --kernel "$kernels/vmlinux" --initrd "$work/nothere"
run 126 'an empty initrd' --err 'empty' -- boot --kernel "$kernels/vmlinux" --initrd "$work/empty"
truncate -s 200M "$work/huge"
run 125 'an initrd that does not fit' --err '--memory' -- \
  boot --kernel "$kernels/vmlinux" --initrd "$work/huge" --memory 128M
run 125 'a command line that is too long' --err 'too long' -- \
  boot --kernel "$kernels/vmlinux" --cmdline "$(printf 'x%.0s' $(seq 3000))"
run 125 'no vCPU' --err '--cpus' -- boot --kernel "$kernels/vmlinux" --cpus 0
run 125 'too many vCPUs' --err '--cpus' -- boot --kernel "$kernels/vmlinux" --cpus 65
run 125 'a number of vCPUs that is none' --err '--cpus' -- boot --kernel "$kernels/vmlinux" --cpus many
run 125 'an unknown processor feature' --err 'vmx, svm, pmu, sgx' -- boot --kernel "$kernels/vmlinux" --cpu-features +avx
run 125 'too little memory' --err '--memory' -- boot --kernel "$kernels/vmlinux" --memory 512
run 125 'memory that the kernel does not fit in' --err '--memory' -- boot --kernel "$kernels/vmlinux" --memory 16M
run 125 'absurd memory' --err '--memory' -- boot --kernel "$kernels/vmlinux" --memory 4000000T
run 125 'huge pages that the host does not have' --err 'nr_hugepages' -- \
  boot --kernel "$kernels/vmlinux" --memory 512G --memory-backing hugepages
run 125 'no size at all' --err '--memory' -- boot --kernel "$kernels/vmlinux" --memory lots
run 125 'an unknown flag' --err 'colour' -- boot --kernel "$kernels/vmlinux" --colour
run 127 'a missing machine file' --err 'nothere' -- boot --config "$work/nothere"
run 125 'a machine file that is no JSON' --err 'not valid JSON' -- boot --config "$work/text"
echo '{"kernel": "x", "cpus": 0.5}' >"$work/half.json"
run 125 'a machine file with a value of the wrong kind' --err "'cpus'" -- boot --config "$work/half.json"
echo '{"kernel": "x", "colour": "red"}' >"$work/colour.json"
run 125 'a machine file with an unknown member' --err 'colour' -- boot --config "$work/colour.json"
run 125 'a control socket where a file is' --err 'not a socket' -- \
  boot --kernel "$kernels/vmlinux" --control "$work/text"
run 127 'a control socket that is not there' --err 'nothere' -- "$bothy" control "$work/nothere"
run 127 'a disk that is not there' --err 'nothere' -- boot --kernel "$kernels/vmlinux" --disk "$work/nothere"
run 125 'an empty disk' --err 'truncate -s' -- boot --kernel "$kernels/vmlinux" --disk "$work/empty"
run 125 'a FIFO as disk' --err 'neither a file' -- timeout 300 "$bothy" boot --kernel "$kernels/vmlinux" --disk "$work/fifo,ro"
run 125 'a key of a disk that is none' --err 'readonly' -- boot --kernel "$kernels/vmlinux" --disk "$work/text,readonly"
run 125 'two disks of one id' --err "the same id 'a'" -- \
  boot --kernel "$kernels/vmlinux" --disk "$work/huge,id=a" --disk "$work/text,id=a"
printf 'KDMV\1\0\0\0' >"$work/image.vmdk"
run 126 'a VMDK image as disk' --err 'qemu-img convert -f vmdk -O raw' -- \
  boot --kernel "$kernels/vmlinux" --disk "$work/image.vmdk"
run 125 'a vsock without a path' --err 'missing the path' -- boot --kernel "$kernels/vmlinux" --vsock cid=3
run 125 'a CID that is the host' --err "'2' for cid" -- boot --kernel "$kernels/vmlinux" --vsock "$work/v,cid=2"
run 125 'a vsock where a file is' --err 'not a socket' -- boot --kernel "$kernels/vmlinux" --vsock "$work/text"
run 125 'a console of no kind' --err '--console' -- boot --kernel "$kernels/vmlinux" --console teletype
run 125 'a console in two places' --err 'exclude' -- boot --kernel "$kernels/vmlinux" --console "pty,file=$work/x"
run 125 'a console where no file can be' --err "$work/no/file" -- \
  boot --kernel "$kernels/vmlinux" --console "file=$work/no/file"
run 125 'a console at a FIFO without a reader' --err 'fifo' -- \
  boot --kernel "$kernels/vmlinux" --console "file=$work/fifo"
run 125 'a port at a socket where a file is' --err 'not a socket' -- \
  boot --kernel "$kernels/vmlinux" --port "a,socket=$work/text"
run 125 'two ports of a name' --err "named 'a'" -- \
  boot --kernel "$kernels/vmlinux" --port "a,file=$work/x" --port "a,file=$work/y"
run 125 'a port with a name that is a path' --err 'name' -- boot --kernel "$kernels/vmlinux" --port a/b
run 125 'a network on nothing' --err 'one of tap' -- boot --kernel "$kernels/vmlinux" --net mtu=1500
run 125 'a tap name that is too long' --err 'at most 15' -- \
  boot --kernel "$kernels/vmlinux" --net tap=a-name-beyond-all-limits
run 125 'a descriptor that is none' --err 'fd=99: no such descriptor' -- boot --kernel "$kernels/vmlinux" --net fd=99
run 125 'no passt' --err 'apt install passt' -- \
  env PATH=/nothing "$bothy" boot --kernel "$kernels/vmlinux" --net user
run 125 'a directory without a tag' --err 'TAG=DIR' -- boot --kernel "$kernels/vmlinux" --fs "$work"
run 125 'a tag that is none' --err 'invalid tag' -- boot --kernel "$kernels/vmlinux" --fs "a/b=$work"
run 125 'two directories of a tag' --err "the tag 'a'" -- boot --kernel "$kernels/vmlinux" --fs "a=$work" --fs "a=$work"
run 125 'a directory that is not there' --err "$work/nothere" -- boot --kernel "$kernels/vmlinux" --fs "a=$work/nothere"
run 125 'a file as directory' --err 'not a directory' -- boot --kernel "$kernels/vmlinux" --fs "a=$work/text"
run 125 'a directory and private memory' --err '--memory-backing shared' -- \
  boot --kernel "$kernels/vmlinux" --fs "a=$work" --memory-backing anonymous
run 125 'a virtiofsd that is none' --err 'BOTHY_VIRTIOFSD' -- \
  env BOTHY_VIRTIOFSD=/nothing "$bothy" boot --kernel "$kernels/vmlinux" --fs "a=$work"
run 125 'a virtiofsd that is another program' --err 'its last message' -- \
  env BOTHY_VIRTIOFSD=/bin/false "$bothy" boot --kernel "$kernels/vmlinux" --fs "a=$work"
run 125 'a balloon larger than memory' --err '--balloon' -- boot --kernel "$kernels/vmlinux" --balloon size=1G --memory 512M
run 125 'a balloon of half a page' --err '4K' -- boot --kernel "$kernels/vmlinux" --balloon size=2K
run 125 'a balloon in huge pages' --err 'page by page' -- \
  boot --kernel "$kernels/vmlinux" --balloon size=0 --memory-backing hugepages --dry-run
run 125 'no kernel named' --err '--kernel' -- boot
run 125 'no subcommand' --err 'subcommand' -- "$bothy"
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
  chmod 600 /dev/kvm
  chmod 711 "$work"
  run 125 'no permission for /dev/kvm' --err 'permission' -- \
    setpriv --reuid 65534 --regid 65534 --clear-groups "$bothy" boot --kernel "$kernels/vmlinux"
fi
finish
