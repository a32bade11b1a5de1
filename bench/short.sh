#!/bin/bash
# SPDX-License-Identifier: MIT
# about: a few creates, in two minutes: what make check compares with bench/base.json
# lab: --icount --timeout 600
#
# Runs in dom0.  No other guest is running; a figure is the median of 15 runs, xl's
# of three: of medians of five, some of which met the clock's tick, one in eight
# was 5 % above an earlier one where nothing had changed.
# The guest is noop.  Pools were filled before, and creates have --no-refill.

runs=15 memory=4
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/empty bench/inprocess unikernels

configure() { # REGISTRY TYPE: new.cfg, and xl.cfg
    printf '%s\n' 'name = "new"' "type = \"$2\"" "memory = $memory" \
        "kernel = \"$work/unikernels/$2/noop\"" >new.cfg
    [ $vifs = 0 ] || echo 'vif = ["bridge=xenbr0"]' >>new.cfg
    # libxl counts a paging pool that is too small for so small a guest.
    { cat new.cfg && echo 'shadow_memory = 1'; } >xl.cfg
    echo "registry = \"$1\"" >>new.cfg
}

# take TOOL OP REGISTRY TYPE SHELLS, and nanoseconds on stdin.
take() {
    point "\"tool\": \"$1\", \"op\": \"$2\", \"image\": \"noop\", \"type\": \"$4\", \
\"memory_mib\": $memory, \"vcpus\": 1, \"vifs\": $vifs, \"vbds\": 0, \"registry\": \"$3\", \
\"pool\": $5, \"refill\": false, \"running\": 0" "$(vms)"
}

by_chaos() { # REGISTRY TYPE
    local shells
    configure "$@"
    pairs_among 0 chaos 1 chaos create --cold new.cfg # what happens once, happens here
    for shells in 0 $runs; do
        say "chaos, $1, $2, $vifs vifs, $shells shells"
        chaos_pairs_among 0 $runs $shells new.cfg
        take chaos create "$1" "$2" $shells <create.ns
    done
}

in_process() { # TYPE
    local op
    say "libchaos, $1"
    try inprocess -s -n $runs -r 0 "$1" "$work/unikernels/$1/noop" >both.ns || : >both.ns
    for op in create destroy; do
        take libchaos $op noxs "$1" $runs < <(sed -n "s/^$op //p" both.ns)
    done
}

settle
spawn -n $runs empty >spawn.ns
point '"tool": "process", "op": "spawn", "image": "empty"' "$(vms <spawn.ns)"
for type in pvh pv; do
    vifs=0
    by_chaos noxs $type
    in_process $type
    vifs=1
    by_chaos noxs $type
done
vifs=0
by_chaos xenstore pvh
say "xl"
pairs_among 0 xl 1 xl create -q xl.cfg
pairs_among 0 xl 3 xl create -q xl.cfg
take xl create xenstore pvh 0 <create.ns
print_points '"unit": "vms"'
