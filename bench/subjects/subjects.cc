#include "bench/subjects/bare_process.h"
#include "bench/subjects/bothy.h"
#include "bench/subjects/monitors.h"
#include "bench/subjects/oci_runtime.h"
#include "bench/subjects/podman.h"
#include "bench/subjects/qemu.h"
#include "bench/subjects/subject.h"

namespace bothy::bench {

Subjects subjects() {
  Subjects all;
  for (auto* make : {make_bothy_vm, make_bothy_container, make_bare_process, make_bothy_oci,
                     make_crun, make_runc, make_podman, make_gvisor, make_qemu, make_kvmtool,
                     make_firecracker, make_cloud_hypervisor}) {
    all.push_back(make());
  }
  return all;
}

}  // namespace bothy::bench
