# Makes, once, the files that every rig machine starts from: an unpacked kernel, an initrd with the modules that a start
# requires, and for each size of machine the saved state of one that is ready for a job, which later starts resume. To be
# sourced by scripts/rig, after scripts/lib.sh.
# shellcheck shell=bash

# The emulated processor. KVM in the rig doesn't see when a guest executes XSETBV (the processor lacks that intercept), so
# CPUID leaf 0xD would stay stale in guests: XSAVE and what needs it are off.
rig_processor=max,pku=off,xsave=off,xsaveopt=off,xgetbv1=off,avx=off,avx2=off,f16c=off,fma=off,vaes=off,vpclmulqdq=off
rig_qemu=${BOTHY_RIG_QEMU:-qemu-system-x86_64}

# In loading order: each module after its dependencies.
rig_tree_modules=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console
  netfs fscache 9pnet 9pnet_virtio 9p overlay)
rig_machine_modules=(irqbypass kvm ccp kvm-amd dummy loop)

# Sets rig_ready (the directory of the files made here), rig_supervise (the program that runs QEMU) and rig_modules (the
# unpacked module tree).
rig_prepare() {
  local package here=$BOTHY_ROOT/scripts/rig.d key tool
  PATH=$PATH:/usr/sbin:/sbin
  for tool in "$rig_qemu" gcc cpio depmod strip xz flock; do
    have "$tool" || fail "missing program $tool: run scripts/setup"
  done
  package=$(debian_kernel_package linux-image-amd64) || fail "no kernel for the machine"
  rig_modules=$(echo "$package"/lib/modules/*)
  # A saved state is valid only for the same QEMU, at the same frequency of the time-stamp counter.
  key=$(
    {
      cat "$here"/*.* "$here"/init/*
      echo "$package"
      stat -Lc '%s %Y' "$(command -v "$rig_qemu")" "$(command -v gcc)"
      grep -m 1 '^model name' /proc/cpuinfo || true
    } | sha256sum | cut -c 1-16
  )
  rig_ready=$BOTHY_CACHE/rig/$key
  rig_supervise=$rig_ready/supervise
  [ -d "$rig_ready" ] || rig_build "$package" "$here"
  touch "$rig_ready"
}

rig_build() {
  local package=$1 here=$2 store=${rig_ready%/*} work
  mkdir -p "$store"
  {
    flock 9
    [ ! -d "$rig_ready" ] || return 0
    say "preparing the rig's kernel and initrd"
    # Files of older versions and of interrupted builds.
    find "$store" -mindepth 1 -maxdepth 1 -type d -mtime +3 -exec rm -rf {} +
    work=$(mktemp -d "$store/.build.XXXXXX")
    if ! (rig_unpack_kernel "$package"/boot/vmlinuz-* >"$work/vmlinux" &&
      depmod -b "$package" "${rig_modules##*/}" && rig_make_initrd "$work" "$here" &&
      gcc -std=gnu11 -O2 -Wall -Wextra -o "$work/supervise" "$here/supervise.c"); then
      rm -rf "$work"
      fail "can't prepare the rig"
    fi
    rm -rf "$work/tree"
    "$rig_qemu" --version >"$work/qemu-version"
    chmod 755 "$work"
    mv -T "$work" "$rig_ready"
  } 9>"$store/lock"
}

# Sets rig_machine, QEMU's command for a machine of a size, without the back ends of its devices.
rig_machine() { # CPUS MEMORY ICOUNT
  # With a thread for each emulated CPU, KVM sometimes livelocks when it maps huge pages for several vCPUs.
  local accelerator=(-accel "tcg,thread=multi") huge_pages=never
  # Two nanoseconds an instruction; time jumps ahead while every CPU is idle.
  [ -z "$3" ] || accelerator=(-accel "tcg,thread=single" -icount "shift=1,sleep=off") huge_pages=always
  # shellcheck disable=SC2054
  rig_machine=(
    "$rig_qemu" "${accelerator[@]}" -machine q35 -cpu "$rig_processor" -smp "$1" -m "$2"
    -nodefaults -no-user-config -display none -no-reboot
    -kernel "$rig_ready/vmlinux" -initrd "$rig_ready/initrd"
    -append "console=ttyS0 earlyprintk=ttyS0 loglevel=4 panic=-1 tsc=reliable tsc_early_khz=@TSC@ no_timer_check\
 random.trust_cpu=on mitigations=off cryptomgr.notests transparent_hugepage=$huge_pages"
    -device virtio-serial-pci,max_ports=2 -device virtserialport,chardev=port,nr=1
    -device virtio-9p-pci,fsdev=host,mount_tag=host
    -device virtio-9p-pci,fsdev=out,mount_tag=out
  )
}

# Sets rig_kept, QEMU's options to resume the saved state of a machine of this size. Makes the state if there is none.
rig_keep() { # CPUS MEMORY ICOUNT
  local state=$rig_ready/state.$1.$2$3
  rig_kept=()
  if [ ! -e "$state" ]; then
    {
      flock 9
      [ -e "$state" ] || rig_make_state "$1" "$2" "$3" "$state" || warn "can't save the state of a machine; every start will be slow"
    } 9>"$rig_ready/lock"
  fi
  if [ -s "$state" ]; then
    touch -c "$state"
    # QEMU inherits the descriptor, so the file may be removed meanwhile. Newer versions take a file by its path only.
    exec {rig_state}<"$state"
    # shellcheck disable=SC2034 # for scripts/rig
    case $(cat "$rig_ready/qemu-version") in
      *" version "[78].*) rig_kept=(-incoming "fd:$rig_state") ;;
      *) rig_kept=(-incoming "file:/proc/self/fd/$rig_state") ;;
    esac
  fi
}

rig_make_state() { # CPUS MEMORY ICOUNT STATE
  local work status=1 qemu='' tries=0
  say "starting a machine (CPUs: $1, memory: $2 MiB), to save its state for later starts"
  work=$(mktemp -d "$rig_ready/.state.XXXXXX")
  # shellcheck disable=SC2064
  trap "kill \"\$qemu\" 2>/dev/null; rm -rf '$work'" EXIT
  mkfifo "$work/monitor"
  rig_machine "$1" "$2" "$3"
  # shellcheck disable=SC2054
  (cd "$work" && exec timeout -k 1 300 "$rig_supervise" --tsc "${rig_machine[@]}" -serial file:console -monitor stdio \
    -chardev null,id=port -fsdev local,id=host,path=.,security_model=none,readonly=on \
    -fsdev local,id=out,path=.,security_model=none) <"$work/monitor" >"$work/log" 2>&1 9>&- &
  qemu=$!
  exec 8>"$work/monitor"
  until grep -q 'rig: ready' "$work/console" 2>/dev/null; do
    kill -0 "$qemu" 2>/dev/null || break
    sleep 0.1
    tries=$((tries + 1))
  done
  # Lets the kernel finish its own work after the start.
  sleep 2
  trap '' PIPE
  printf 'migrate_set_parameter max-bandwidth 16G\nmigrate "exec:cat >state"\nquit\n' >&8 || true
  exec 8>&-
  trap - PIPE
  if wait "$qemu" && [ -s "$work/state" ]; then
    # States are as large as the used memory: only those of the sizes used last are kept.
    find "$rig_ready" -maxdepth 1 -name 'state.*' -printf '%T@ %p\n' | sort -rn | tail -n +6 | cut -d ' ' -f 2- |
      xargs -r -d '\n' rm -f
    mv "$work/state" "$4" && status=0
  else
    cat "$work/log" "$work/console" >&2 || true
  fi
  qemu=''
  rm -rf "$work"
  trap - EXIT
  return "$status"
}

# A bzImage's payload, found by the boot protocol's header (Documentation/x86/boot.rst: setup_sects, payload_offset,
# payload_length). Unpacking it here once saves the emulated CPU from doing so at every start. The payload's last four
# bytes are its unpacked length, not xz's.
rig_unpack_kernel() {
  local sectors offset length
  sectors=$(od -An -tu1 -j0x1f1 -N1 "$1")
  offset=$(od -An -tu4 -j0x248 -N4 "$1")
  length=$(od -An -tu4 -j0x24c -N4 "$1")
  # head may close the pipe before tail is done.
  { tail -c +$(((sectors + 1) * 512 + offset + 1)) "$1" || true; } | head -c $((length - 4)) | xz -dc
}

rig_make_initrd() {
  local work=$1 here=$2 tree=$1/tree module file
  mkdir -p "$tree/modules"
  gcc -std=gnu11 -O2 -Wall -Wextra -static -o "$tree/init" "$here"/init/*.c || return
  for module in "${rig_tree_modules[@]}" "${rig_machine_modules[@]}"; do
    file=$(find "$rig_modules" -name "$module.ko" | head -n 1)
    [ -n "$file" ] || { warn "the kernel has no module $module" && return 1; }
    # Stripping takes the signature off, too, which would take long to check;
    # so would its type information.
    strip --strip-unneeded -R .BTF -o "$tree/modules/$module.ko" "$file" || return
  done
  printf '%s\n' "${rig_tree_modules[@]}" >"$tree/modules/tree.list"
  printf '%s\n' "${rig_machine_modules[@]}" >"$tree/modules/machine.list"
  cp "$rig_modules/modules.devname" "$tree/modules/"
  (cd "$tree" && find . | sort | cpio --quiet --reproducible -R 0:0 -o -H newc) >"$work/initrd"
}
