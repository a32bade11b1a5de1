#!/bin/bash
# SPDX-License-Identifier: MIT
# about: thousands of guests: their memory, and what a command takes among them
# lab: --icount --memory 20480 --xen-option sched=credit --timeout 7200
#
#     make bench BENCH="density [COUNT [KIND]...]"
#
# Runs in dom0.  Of each KIND (type and MiB of memory) COUNT guests are made
# that all run, or as many as Xen has memory for.  At every 500th the next ones
# are measured, a few by the command and a few in a process; with all of them
# come list, domid and destroy, which were measured with one guest before.
# After that they are destroyed.  KIND xl is 100 guests that xl makes; a KIND
# with -shells, like "pvh-1-shells", has a shell ready for each create that is
# measured, "pool" of them at first, and none for those between.
#
# A figure is the median of a few runs; "running" is how many guests there were
# before the first of them.
#
# All takes half an hour of a processor, which under icount is one, and 18 GiB of
# this machine's memory; "pvh-1" alone five minutes.
#
# What is tuned: credit instead of credit2, Xen's default, which after every
# 10 ms of work walks over all vCPUs of the host, also those that sleep: with
# 12,000 of them that is half a millisecond, now in this command, now in that.
# Configurations are at their defaults.

. "$CHAOS_ROOT/bench/lib.bash"
count=${1:-12000}
kinds=("${@:2}")
[ ${#kinds[@]} -gt 0 ] || kinds=(xl pvh-1 pv-1 pvh-2)
step=500 few=5 xl_levels="1 10 50 100"
fetch chaos bench/spawn bench/many unikernels

configure() { # KIND
    shells=0
    [[ $1 != *-shells ]] || shells=$few
    set -- "${1%-shells}"
    type=${1%-*} memory=${1#*-} running=0
    # Anew for each, so that what it takes is theirs.
    rm -rf "$CHAOS_RUN_DIR" && mkdir "$CHAOS_RUN_DIR"
    printf '%s\n' "type = \"$type\"" "memory = $memory" \
        "kernel = \"$work/unikernels/$type/noop\"" >chaos.cfg
    # libxl counts a paging pool that is too small for so small a guest.
    { cat chaos.cfg && { [ "$type" = pv ] || echo 'shadow_memory = 1'; }; } >xl.cfg
}

# take TOOL OP RUNNING UNIT VALUE, with more members after them.
take() {
    local registry='"noxs"' tool=$1 op=$2 guests=$3 unit=$4 value=$5
    shift 5
    [ "$tool" != xl ] || registry='"xenstore"'
    point "\"tool\": \"$tool\", \"op\": \"$op\", ${*:+$*, }\"guest\": \"noop\", \
\"type\": \"$type\", \"memory_mib\": $memory, \"vcpus\": 1, \"vifs\": 0, \
\"vbds\": 0, \"registry\": $registry, \"pool\": $shells, \"running\": $guests, \
\"unit\": \"$unit\"" "$value"
}

take_time() { # TOOL OP RUNNING, and the runs' nanoseconds on stdin
    take "$@" vms "$(vms)"
}

# Runs a command for guests FIRST, FIRST + 1, ..., each time when all is quiet.
runs() { # TIMES FIRST COMMAND...
    local i times=$1 first=$2
    shift 2
    for ((i = 0; i < times; i++)); do
        settle
        try spawn -f $((first + i)) "$@" || return
    done
}

# Runs a command that makes guests and prints a line for each, to FILE; the
# file is empty when it failed.
grow() { # FILE COMMAND...
    local file=$1 status
    shift
    "$@" >"$file"
    status=$?
    running=$((running + $(wc -l <"$file")))
    [ $status = 0 ] || : >"$file"
    return $status
}

# For the next few creates; when a shell can't be made, neither can a guest.
ready_shells() {
    [ "$shells" = 0 ] || chaos pool fill -n "$shells" chaos.cfg >/dev/null || return
    settle
}

# The next guests by the command and in process; fails when one can't be made.
few_more() {
    local before=$running
    try ready_shells || { take_time chaos create "$before" </dev/null && return 1; }
    grow command.ns runs $few "$running" chaos create -q --no-refill chaos.cfg name=guest%
    take_time chaos create "$before" <command.ns
    [ -s command.ns ] || return
    before=$running
    try ready_shells || { take_time libchaos create "$before" </dev/null && return 1; }
    grow process.ns try many create -s "$running" $few chaos.cfg
    take_time libchaos create "$before" <process.ns
    [ -s process.ns ]
}

fill() {
    local next last=$((count - 2 * few))
    few_more || return
    while [ "$running" -lt $last ]; do
        next=$(((running / step + 1) * step))
        [ $next -le $last ] || next=$last
        if [ $next -gt "$running" ]; then
            grow fill.ns try many create "$running" $((next - running)) chaos.cfg
            if [ "$running" -lt $next ]; then
                take_time chaos create $next </dev/null
                return
            fi
        fi
        few_more || return
        say "$kind: $running are running"
    done
}

# With one guest: itself is destroyed.
alone() {
    local i op
    rm -f -- *.ns
    for ((i = 0; i < few; i++)); do
        runs 1 0 chaos create -q chaos.cfg name=guest% >/dev/null || break
        for op in list "domid guest%" "destroy guest%"; do
            # shellcheck disable=SC2086
            runs 1 0 chaos $op >>"${op%% *}.ns" || break 2
        done
    done
    for op in list domid destroy; do
        touch $op.ns
        take_time chaos $op 1 <$op.ns
    done
}

# With all of them, for those that Xen has last in its list.
among_all() {
    local i
    runs $few 0 chaos list >list.ns
    take_time chaos list "$running" <list.ns
    runs $few $((running - few)) chaos domid guest% >domid.ns
    take_time chaos domid "$running" <domid.ns
    for ((i = 1; i <= few; i++)); do
        runs 1 $((running - i)) chaos destroy guest% || break
    done >destroy.ns
    take_time chaos destroy "$running" <destroy.ns
    running=$((running - $(wc -l <destroy.ns)))
}

# KiB that are free of Xen's memory and of dom0's, and that the registry takes.
look() {
    settle
    sync
    echo 3 >/proc/sys/vm/drop_caches
    free_xen=$(many memory | sed -n 's/^free //p')
    free_dom0=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
    registry_size=$(du -sk "$CHAOS_RUN_DIR" | cut -f 1)
}

# take_memory TOOL CONSUMER KIB, of all guests together
take_memory() {
    take "$1" memory "$running" "KiB per guest" \
        "$(awk "BEGIN { printf \"%.1f\", ($3) / $running }")" \
        "\"consumer\": \"$2\""
}

# What has changed since look() was called.
memory() { # TOOL
    local xen=$free_xen dom0=$free_dom0 registry=$registry_size name value
    local own=0 pool=0 grant_frames=0 grant_frame=0
    look
    take_memory "$1" host "$xen - $free_xen"
    take_memory "$1" dom0 "$dom0 - $free_dom0"
    [ "$1" = chaos ] || return
    take_memory chaos registry "$registry_size - $registry"
    many memory "$(chaos domid guest0)" >memory.txt || return
    while read -r name value; do
        printf -v "$name" %s "$value"
    done <memory.txt
    take_memory chaos own "$own * $running"
    take_memory chaos pool "$pool * $running"
    take_memory chaos grants "$grant_frames * $grant_frame * $running"
    take_memory chaos xen "$xen - $free_xen \
        - ($own + $pool + $grant_frames * $grant_frame) * $running"
}

with_chaos() {
    say "$kind: up to $count guests"
    configure "$kind"
    alone
    look
    fill
    say "$kind: $running are running"
    memory chaos
    among_all
}

xl_pairs() {
    local i
    : >create.ns
    : >destroy.ns
    for ((i = 0; i < few; i++)); do
        runs 1 "$running" xl create -q xl.cfg 'name="guest%"' >>create.ns || break
        runs 1 "$running" xl destroy guest% >>destroy.ns || break
    done
    take_time xl create "$running" <create.ns
    take_time xl destroy "$running" <destroy.ns
}

with_xl() {
    local level
    configure pvh-1
    runs 1 0 xl create -q xl.cfg 'name="guest%"' >/dev/null && xl destroy guest0
    look
    for level in $xl_levels; do
        say "xl: up to $level guests"
        grow create.ns try spawn -n $((level - running)) -f "$running" \
            xl create -q xl.cfg 'name="guest%"'
        if [ "$running" != "$level" ]; then
            take_time xl create "$level" </dev/null
            break
        fi
        xl_pairs
        runs $few 0 xl list >list.ns
        take_time xl list "$running" <list.ns
        runs $few 0 xl domid "guest$((running - 1))" >domid.ns
        take_time xl domid "$running" <domid.ns
    done
    memory xl
}

clear_away() {
    if [ "$kind" = xl ]; then
        xl list | awk 'NR > 1 && $2 > 0 { print $2 }' | while read -r domid; do
            xl destroy "$domid"
        done
    else
        many destroy 0 "$running" >destroy.ns
    fi
}

kind=''
for next_kind in "${kinds[@]}"; do
    [ -z "$kind" ] || clear_away || exit 1
    kind=$next_kind
    if [ "$kind" = xl ]; then with_xl; else with_chaos; fi
done
print_points "\"count\": $count, \"few\": $few"
