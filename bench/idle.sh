#!/bin/bash
# SPDX-License-Identifier: MIT
# about: what guests that do nothing take of the processor, and dom0 with them
# first: tests/lab/guest-initrd
# lab: --icount --memory 8192 --dom0-memory 2048 --timeout 3600
#
#     make bench BENCH="idle [COUNT [LINUX_COUNT]]"
#
# Runs in dom0.  Guests are made, given time to come up and to become quiet, and
# then left alone for a while: what CPU time Xen has counted for dom0 in it, and
# for all guests together.  Without guests it is dom0's own.

count=${1:-500} linux_count=${2:-10}
seconds=20
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/many unikernels lab/guest-vmlinux lab/guest-initrd.gz

# dom0's and the guests' nanoseconds.
look() {
    chaos list --json | sed -n 's/.*"cpu_time_ns": \([0-9]*\).*/\1/p' |
        awk 'NR == 1 { dom0 = $1; next } { guests += $1 } END { print dom0, guests + 0 }'
}

# take TOOL IMAGE MEMORY VIFS REGISTRY RUNNING: leaves them alone and looks.
take() {
    local before after consumer
    say "$1, $2: $6 are up"
    sleep 5
    read -ra before < <(look)
    sleep $seconds
    read -ra after < <(look)
    for consumer in 0 1; do
        point "\"tool\": \"$1\", \"op\": \"idle\", \"consumer\": \
\"$([ $consumer = 0 ] && echo dom0 || echo guests)\", \"image\": $2, \"type\": \"pvh\", \
\"memory_mib\": $3, \"vcpus\": 1, \"vifs\": $4, \"vbds\": 0, \"registry\": $5, \
\"running\": $6, \"seconds\": $seconds, \"unit\": \"% of a processor\"" \
            "$(awk "BEGIN { printf \"%.4f\", (${after[consumer]} - ${before[consumer]}) / $seconds / 1e7 }")"
    done
}

take_none() { # as take
    point "\"tool\": \"$1\", \"op\": \"idle\", \"consumer\": null, \"image\": $2, \
\"type\": \"pvh\", \"memory_mib\": $3, \"vcpus\": 1, \"vifs\": $4, \"vbds\": 0, \
\"registry\": $5, \"running\": $6, \"seconds\": $seconds, \"unit\": \"% of a processor\"" ""
}

unikernels() { # IMAGE VIFS REGISTRY
    local vifs=$2
    printf '%s\n' 'type = "pvh"' 'memory = 4' "kernel = \"$work/unikernels/pvh/$1\"" \
        "registry = \"$3\"" >guest.cfg
    [ "$2" = 0 ] || echo 'vif = ["bridge=xenbr0"]' >>guest.cfg
    if try many create 0 "$count" guest.cfg >made; then
        take chaos "\"$1\"" 4 "$2" "\"$3\"" "$count"
    else
        take_none chaos "\"$1\"" 4 "$2" "\"$3\"" "$count"
    fi
    many destroy 0 "$(wc -l <made)" >gone
    chaos list >/dev/null
    rest 0
}

# Linux takes seconds to boot, and is not idle meanwhile.
all_are_up() {
    local i tries
    for ((i = 0; i < linux_count; i++)); do
        for ((tries = 0; tries < 300; tries++)); do
            ! grep -qsa 'guest: up' "/var/log/xen/console/guest-guest$i.log" || continue 2
            sleep 0.5
        done
        echo "guest$i does not come up" >why
        return 1
    done
}

linux_guests() { # TOOL
    local options=() name='name="guest%"'
    printf '%s\n' 'type = "pvh"' 'memory = 160' "kernel = \"$work/guest-vmlinux\"" \
        "ramdisk = \"$work/guest-initrd.gz\"" 'extra = "console=hvc0 quiet"' \
        'vif = ["bridge=xenbr0"]' >linux.cfg
    [ "$1" = xl ] || options=(--cold --no-refill)
    rm -f /var/log/xen/console/guest-guest*.log
    if try spawn -n "$linux_count" "$1" create -q "${options[@]}" linux.cfg "$name" >made && all_are_up; then
        take "$1" '"linux"' 160 1 '"xenstore"' "$linux_count"
    else
        take_none "$1" '"linux"' 160 1 '"xenstore"' "$linux_count"
    fi
    clear_away "$1"
    vifs=1 rest 0
}

chaos list >/dev/null
take none null null 0 null 0
unikernels noop 0 noxs
unikernels noop 0 xenstore
unikernels daytime 1 noxs
linux_guests chaos
linux_guests xl
print_points '"unit": "% of a processor"'
