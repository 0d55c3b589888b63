# A systemd in namespaces of the test's own, for tests of what asks systemd for cgroups: to be sourced, from the source directory. As root.
# shellcheck shell=bash

# inside_systemd SCRIPT [ARGUMENT]...: returns in a process beside a systemd; SCRIPT, which calls it, is started there once more.
inside_systemd() {
  if [ -n "${IN_SYSTEMD:-}" ]; then return; fi
  local cgroup=/sys/fs/cgroup/bothy-systemd-$$ log systemd='' status=0 attempt
  log=$(mktemp)
  if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then mount -t cgroup2 cgroup2 /sys/fs/cgroup; fi
  mkdir "$cgroup"
  # shellcheck disable=SC2016 # for the inner shells
  unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- sh -c 'echo 0 >"$1/cgroup.procs" &&
    exec unshare --cgroup -- sh -c "
      umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system &&
      printf \"[Unit]\nDefaultDependencies=no\n\" >/run/systemd/system/nothing.target &&
      SYSTEMD_UNIT_PATH=/run/systemd/system: container=test exec /lib/systemd/systemd --system --unit=nothing.target
    "' sh "$cgroup" >"$log" 2>&1 &
  for attempt in $(seq 600); do
    systemd=$(pgrep -P $! systemd || true)
    if [ -n "$systemd" ] && nsenter -t "$systemd" -m -- test -S /run/systemd/private; then break; fi
    sleep 0.1
  done
  if [ -z "$systemd" ]; then
    echo "systemd doesn't start, after $((attempt / 10)) s:" && cat "$log" && exit 1
  fi
  # Moving processes from outside takes a cgroup file system without the option nsdelegate.
  # shellcheck disable=SC2016 # for the inner shell
  sh -c 'mkdir "$1/tests" && echo 0 >"$1/tests/cgroup.procs" && shift && exec "$@"' sh "$cgroup" \
    nsenter -t "$systemd" -p -m -C -- env IN_SYSTEMD=yes "$PWD/tests/system/${1##*/}" "${@:2}" || status=$?
  kill -KILL "$systemd"
  wait || true
  for _ in $(seq 100); do
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
    if ! [ -e "$cgroup" ]; then break; fi
    sleep 0.1
  done
  rm -f "$log"
  exit $status
}
