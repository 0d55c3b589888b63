#!/bin/busybox sh
# The guest's side of tests/bench/block: reads /dev/vda with fio. What it prints waits until the job is over, since each
# character is an exit or two; so do the second before and the second behind it, when the host reads its counters.
run() { # NAME REQUESTS FLAG...
  name=$1 requests=$2
  shift 2
  set -- /usr/bin/fio --name=job --filename=/dev/vda --readonly --direct=1 --ioengine=libaio --thread --norandommap \
    --output-format=terse --terse-version=3 --number_ios="$requests" "$@"
  "$@" >/dev/null 2>&1 # whatever is done but once
  echo "bench: begin $name"
  sleep 1
  "$@" >/run/terse 2>&1
  sleep 1
  echo "bench: end $name"
  sleep 1
  echo "bench: result $name $requests $(cut -d';' -f8 /run/terse)"
}
run 'random 4 KiB, depth 1' 1000 --rw=randread --bs=4k --iodepth=1
run 'random 4 KiB, depth 32' 6000 --rw=randread --bs=4k --iodepth=32
run 'random 4 KiB, depth 32 in batches' 6000 --rw=randread --bs=4k --iodepth=32 --iodepth_batch_submit=16 --iodepth_batch_complete_min=16
run 'sequential 1 MiB, depth 1' 200 --rw=read --bs=1m --iodepth=1
run 'sequential 1 MiB, depth 4' 200 --rw=read --bs=1m --iodepth=4
