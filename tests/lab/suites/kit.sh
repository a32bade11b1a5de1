# SPDX-License-Identifier: MIT
# The guest kit on Xen: what it says of itself.
. "$(dirname "$0")/../lib.sh"

passes() {
    config "$type" selftest "$@" >selftest.cfg
    timeout 60 chaos create -c selftest.cfg >selftest.out
    cat selftest.out
    [ "$(grep -c '^passed - ' selftest.out)" = 15 ] &&
        ! grep -q '^failed' selftest.out && grep -q '^end' selftest.out &&
        gone selftest
}

computes() {
    config "$type" compute 'cmdline = "below=1000"' >compute.cfg
    timeout 60 chaos create -c compute.cfg >compute.out
    cat compute.out
    grep -q '^primes below 1000: 168' compute.out && gone compute
}

for type in pv pvh; do
    check "$type: it computes" computes
    check "$type: grants and event channels" passes
    check "$type: 1 MiB is enough" passes "memory = 1"
    check "$type: memory that ends anywhere" passes "memory = 7"
done
