# SPDX-License-Identifier: MIT
# cpus= and vcpu-pin pin vCPUs; it takes two CPUs to see: tests/lab/run --cpus 2.
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

by_command() { # hard and soft, and seen by xl as by chaos
    chaos create noop.cfg && chaos vcpu-pin noop 0 1 0 && chaos vcpu-pin noop 1 - 1 || return
    until_true 5 state_is noop blocked && same_as_xl vcpu-list "$(chaos domid noop)" || return
    grep -q ' 1 / 0$' chaos.out && grep -q ' all / 1$' chaos.out && chaos destroy noop
}

soft() {
    chaos create noop.cfg 'cpus_soft="1"' && until_true 5 state_is noop blocked &&
        same_as_xl vcpu-list "$(chaos domid noop)" || return
    [ "$(grep -c ' all / 1$' chaos.out)" = 2 ] && chaos destroy noop
}

for type in pvh pv; do
    suite=pin/$type
    config $type noop 'vcpus = 2' >noop.cfg
    check "cpus= for all vCPUs" all_to_one
    check "cpus= for each vCPU" each_its_own
    check "cpus_soft=" soft
    check "vcpu-pin" by_command
done
