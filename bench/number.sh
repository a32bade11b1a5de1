#!/bin/bash
# SPDX-License-Identifier: MIT
# about: create beside 1 to 1000 running guests: xl, xenstore, noxs, from shells and without
# lab: --icount --memory 12288 --dom0-memory 2048 --timeout 7200
#
#     make bench BENCH="number [LEVELS [XL_LEVELS [VIFS]]]"
#
# Runs in dom0.  Each figure is the median of a few creates, each of one guest
# more than there are running, which is destroyed after it.  Those that are
# running have the same devices and the same registry, and were made by the
# same toolstack; chaos makes them in a process, where that is quicker.
#
# Pools were filled before, and nothing of that is still going on: creates have
# --no-refill.  The guest is noop: that it finds its devices through XenStore
# is what the configuration says, and all that it does with them is nothing.

levels=${1:-1 10 50 100 250 500 750 1000}
xl_levels=${2:-1 10 25 50 100}
all_vifs=${3:-0 1}
runs=5 xl_runs=3 memory=4
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/many unikernels

configure() { # REGISTRY
    printf '%s\n' 'type = "pvh"' "memory = $memory" \
        "kernel = \"$work/unikernels/pvh/noop\""
    [ $vifs = 0 ] || echo 'vif = ["bridge=xenbr0"]'
    case $1 in
    # libxl counts a paging pool that is too small for so small a guest.
    xl) echo 'shadow_memory = 1' ;;
    *) echo "registry = \"$1\"" ;;
    esac
}

# take TOOL REGISTRY SHELLS RUNNING, and the runs' nanoseconds on stdin.
take() {
    point "\"tool\": \"$1\", \"op\": \"create\", \"image\": \"noop\", \"type\": \"pvh\", \
\"memory_mib\": $memory, \"vcpus\": 1, \"vifs\": $vifs, \"vbds\": 0, \
\"registry\": \"$2\", \"pool\": $3, \"refill\": false, \"running\": $4" "$(vms)"
}

with_chaos() { # REGISTRY
    local running=0 level count
    configure "$1" >guest.cfg
    { cat guest.cfg && echo 'name = "new"'; } >new.cfg
    pairs_among 0 chaos 1 chaos create --cold new.cfg # what happens once, happens here
    for level in $levels; do
        say "chaos, $1, $vifs vifs: with $level running"
        : >fill.ns
        try many create "$running" $((level - running)) guest.cfg >fill.ns
        running=$((running + $(wc -l <fill.ns)))
        for count in 0 $runs; do
            : >create.ns
            [ "$running" != "$level" ] || chaos_pairs_among "$level" $runs $count new.cfg
            take chaos "$1" $count "$level" <create.ns
        done
        [ "$running" = "$level" ] || break
    done
    many destroy 0 "$running" >destroy.ns
    chaos list >/dev/null
    rest 0
}

with_xl() {
    local running=0 level
    configure xl >guest.cfg
    pairs_among 0 xl 1 xl create -q guest.cfg 'name="new"'
    for level in $xl_levels; do
        say "xl, $vifs vifs: with $level running"
        if ! try spawn -n $((level - running)) -f $running \
            xl create -q guest.cfg 'name="guest%"' >fill.ns; then
            take xl xenstore 0 "$level" </dev/null
            break
        fi
        running=$level
        pairs_among "$level" xl $xl_runs xl create -q guest.cfg 'name="new"'
        take xl xenstore 0 "$level" <create.ns
    done
    clear_away xl
    rest 0
}

for vifs in $all_vifs; do
    with_chaos noxs
    with_chaos xenstore
done
for vifs in $all_vifs; do
    [ -z "$xl_levels" ] || with_xl
done
print_points '"unit": "vms"'
