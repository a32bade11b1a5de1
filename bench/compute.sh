#!/bin/bash
# SPDX-License-Identifier: MIT
# about: a compute service: requests at a fixed rate, each a guest that computes and exits
# lab: --icount --timeout 2400
#
#     make bench BENCH="compute [RATES [XL_RATES]]"
#
# Runs in dom0.  A request is `create -c` of a guest that counts primes, says
# how many there are and powers off; its time is from when it was due until the
# result was read.  They come at the rate, whatever has become of those before
# (load.c), until a rate is more than the host can serve: of these the first is
# measured.
#
# With shells: "refilled", a pool that chaos fills again while requests come,
# which takes what the requests leave of the processor; "prepared", one shell
# for each request from the start, and none is made meanwhile.

rates=${1:-10 25 50 75 100 150 200 300}
xl_rates=${2:-1 2 4 8 12}
requests=100 xl_requests=20 shells=32 memory=4
below=10000
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/load unikernels

printf '%s\n' 'type = "pvh"' "memory = $memory" "kernel = \"$work/unikernels/pvh/compute\"" \
    "cmdline = \"below=$below\"" >chaos.cfg
# libxl counts a paging pool that is too small for so small a guest.
{ cat chaos.cfg && echo 'shadow_memory = 1'; } >xl.cfg

# take TOOL SHELLS REFILL RATE REQUESTS, of load.txt.
take() {
    local registry='"noxs"' members statistic
    [ "$1" != xl ] || registry='"xenstore"'
    members="\"tool\": \"$1\", \"image\": \"compute\", \"below\": $below, \"type\": \"pvh\", \
\"memory_mib\": $memory, \"vcpus\": 1, \"vifs\": 0, \"vbds\": 0, \"registry\": $registry, \
\"pool\": $2, \"refill\": $3, \"rate\": $4, \"requests\": $5"
    if grep -q failed load.txt; then
        echo "$(grep -c failed load.txt) requests had no result$(sed -n '1s/^/: /p' log)" >why
        : >load.txt
    fi
    for statistic in 50 95 100; do
        point "$members, \"op\": \"result\", \"percentile\": $statistic, \"unit\": \"vms\"" \
            "$(sed -n 's/^result //p' load.txt | percentile $statistic | vms)"
    done
    point "$members, \"op\": \"served\", \"unit\": \"a second\"" \
        "$(awk '/^result/ { n++ } /^end/ && n { printf "%.2f", n / ($2 / 1e9) }' load.txt)"
}

# Whether half of the requests took longer than two seconds, or some had no result:
# then there would be no end of it.
is_saturated() {
    local half
    half=$(sed -n 's/^result //p' load.txt | percentile 50)
    [ -z "$half" ] || [ "$half" -gt 2000000000 ]
}

# run RATE REQUESTS COMMAND...: to load.txt.
run() {
    local rate=$1 count=$2
    shift 2
    : >why
    settle
    load "$rate" "$count" "primes below" "$@" >load.txt 2>log </dev/null || : >load.txt
}

with_chaos() { # SHELLS REFILL
    local shells=$1 refill=$2 rate options=()
    [ "$shells" != 0 ] || options+=(--cold)
    [ "$refill" = true ] || options+=(--no-refill)
    for rate in $rates; do
        say "chaos, $shells shells, refill $refill: $rate a second"
        if [ "$shells" != 0 ]; then
            pool=$(chaos pool fill -n "$shells" chaos.cfg)
            chaos pool set "$pool" -s "$shells" -l $((shells - 1))
            settle
        fi
        run "$rate" $requests chaos create -q -c "${options[@]}" chaos.cfg name=request%
        take chaos "$shells" "$refill" "$rate" $requests
        settle
        [ "$shells" = 0 ] || { chaos pool drain && settle; }
        clear_away chaos
        ! is_saturated || break
    done
}

with_xl() {
    local rate
    for rate in $xl_rates; do
        say "xl: $rate a second"
        run "$rate" $xl_requests xl create -q -c xl.cfg 'name="request%"'
        take xl 0 false "$rate" $xl_requests
        clear_away xl
        ! is_saturated || break
    done
}

chaos create -q -c --cold chaos.cfg name=first >first.txt </dev/null # what happens once
with_chaos 0 false
with_chaos $shells true
with_chaos $requests false
with_xl
print_points '"unit": "vms"'
