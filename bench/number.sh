#!/bin/bash
# SPDX-License-Identifier: MIT
# about: create beside 1 to 1000 running guests: xl, xenstore, noxs, from shells and without
# lab: --icount --memory 12288 --dom0-memory 2048 --timeout 7200
#
#     make bench BENCH='number [KINDS [VIFS [LEVELS]]]'
#
# KINDS are noxs, xenstore and xl.  Together they take hours, one alone as little
# as five minutes: `make figures` has a lab for each.
#
# Runs in dom0.  Each figure is the median of a few creates, each of one guest
# more than there are running, which is destroyed after it.  Those that are
# running have the same devices and the same registry, and were made by the
# same toolstack; chaos makes them in a process, where that is quicker.
#
# Pools were filled before, and nothing of that is still going on: creates have
# --no-refill.  The guest is noop: that it finds its devices through XenStore
# is what the configuration says, and all that it does with them is nothing.

kinds=${1:-noxs xenstore xl}
all_vifs=${2:-0 1}
levels=${3:-1 10 50 100 250 500 1000}
xl_most=100 # that it makes, each of which takes longer than the one before
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
}

with_xl() {
    local running=0 level
    configure xl >guest.cfg
    pairs_among 0 xl 1 xl create -q guest.cfg 'name="new"'
    for level in $levels; do
        if [ "$level" -gt $xl_most ]; then
            echo "xl is measured among no more than $xl_most guests" >why
            take xl xenstore 0 "$level" </dev/null
            continue
        fi
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
}

# Of what is made one by one, what is left at the end goes with the lab.
clear() { # KIND
    if [ "$1" = xl ]; then
        clear_away xl
    else
        chaos list | awk 'NR > 1 && $2 > 0 { print $1 }' | xargs -r chaos destroy
        chaos list >/dev/null
    fi
    rest 0
}

last=''
for vifs in $all_vifs; do
    for kind in $kinds; do
        [ -z "$last" ] || clear "$last"
        if [ "$kind" = xl ]; then with_xl; else with_chaos "$kind"; fi
        last=$kind
    done
done
print_points '"unit": "vms"'
