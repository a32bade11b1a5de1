#!/bin/bash
# SPDX-License-Identifier: MIT
# about: guests that are created when a packet comes for them, until they answer it
# lab: --icount --timeout 2400
#
#     make bench BENCH="ondemand [RATES]"
#
# Runs in dom0.  Clients come at a fixed rate, each sends a datagram to the echo
# port of an address of its own, which nobody has.  A responder on the bridge
# (ondemand.c) hears dom0's kernel ask for the address and creates a guest there.
# The time is from when a client was due until it has read the answer.
#
# One guest is running all the time: a bridge to which nobody is connected passes
# nothing on, not even a question.

rates=${1:-2 10 20 30 40 60 100 150}
clients=40 first=10.0.120.101 memory=4
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/ondemand unikernels

printf '%s\n' 'type = "pvh"' "memory = $memory" "kernel = \"$work/unikernels/pvh/echo\"" \
    'vif = ["bridge=xenbr0"]' >echo.cfg
vifs=1

# take SHELLS RATE, of answers.txt.
take() {
    local statistic
    for statistic in 50 95 100; do
        point "\"tool\": \"chaos\", \"op\": \"answer\", \"image\": \"echo\", \"type\": \"pvh\", \
\"memory_mib\": $memory, \"vcpus\": 1, \"vifs\": 1, \"vbds\": 0, \"registry\": \"noxs\", \
\"pool\": $1, \"refill\": false, \"running\": 1, \"rate\": $2, \"clients\": $clients, \
\"percentile\": $statistic" \
            "$(sed -n 's/^answered //p' answers.txt | percentile $statistic | vms)"
    done
}

run() { # SHELLS RATE
    local option='' i
    [ "$1" != 0 ] || option=--cold
    : >why
    : >answers.txt
    [ "$1" = 0 ] || try chaos pool fill -n "$1" echo.cfg >/dev/null || return
    ip neigh flush dev xenbr0
    settle
    # shellcheck disable=SC2086
    ondemand "$2" $clients xenbr0 $first 7 chaos create -q --no-refill $option echo.cfg \
        name=guest% 'vif=["bridge=xenbr0,ip=10.0.120.%/24"]' >answers.txt 2>log
    if grep -q failed answers.txt || [ ! -s answers.txt ]; then
        { head -n 1 log | grep . || echo "a client had no answer"; } >why
        : >answers.txt
    fi
    for ((i = 101; i < 101 + clients; i++)); do chaos destroy guest$i; done 2>/dev/null
    [ "$1" = 0 ] || chaos pool drain
    rest 1
}

chaos create --cold --no-refill echo.cfg name=resident >/dev/null

for shells in 0 $clients; do
    for rate in $rates; do
        say "chaos, $shells shells: $rate a second"
        run $shells "$rate"
        take $shells "$rate"
        [ -s answers.txt ] || break
    done
done
print_points '"unit": "vms"'
