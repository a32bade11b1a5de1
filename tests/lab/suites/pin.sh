# SPDX-License-Identifier: MIT
# cpus= pins vCPUs; it takes two CPUs to see: tests/lab/run --cpus 2.
. "$(dirname "$0")/../lib.sh"

[ "$(xl info | sed -n 's/^nr_cpus *: *//p')" -gt 1 ] || exit 0

hard_affinity() { # GUEST: of each vCPU, a line
    xl vcpu-list "$(chaos domid "$1")" | awk 'NR > 1 { print $(NF - 2) }'
}

all_to_one() {
    chaos create noop.cfg 'cpus="1"' || return
    hard_affinity noop
    [ "$(hard_affinity noop | sort -u)" = 1 ] && chaos destroy noop
}

each_its_own() {
    chaos create noop.cfg 'cpus=["0", "1"]' || return
    hard_affinity noop
    [ "$(hard_affinity noop | tr '\n' ' ')" = "0 1 " ] && chaos destroy noop
}

for type in pvh pv; do
    suite=pin/$type
    config $type noop 'vcpus = 2' >noop.cfg
    check "cpus= for all vCPUs" all_to_one
    check "cpus= for each vCPU" each_its_own
done
