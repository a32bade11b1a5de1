#!/bin/bash
# SPDX-License-Identifier: MIT
# about: create, destroy and list, by xl and by chaos, at 1, 10 and 50 guests
# lab: --icount --timeout 900
#
# Runs in dom0.  Each figure is the median of a few runs, all with exactly so
# many guests running that the same toolstack has made; the one that is created
# and destroyed comes on top.  A point that could not be measured is left out.

set -u
levels="1 10 50"
: "${CHAOS_ROOT:?run it through bench/run}"

# In memory: a read through /chaos waits for the host.
work=$(mktemp -d /tmp/bench.XXXXXX) && cd "$work" || exit 1
cp "$CHAOS_ROOT"/build/chaos "$CHAOS_ROOT"/build/bench/{spawn,empty,inprocess} . &&
    cp -r "$CHAOS_ROOT/build/unikernels" . || exit 1
export PATH=$work:$PATH CHAOS_RUN_DIR=$work/run

say() { echo "bench: $*" >&2; }

for type in pvh pv; do
    printf '%s\n' "type = \"$type\"" "kernel = \"$work/unikernels/$type/noop\"" \
        'memory = 4' >$type.cfg
    # libxl counts a paging pool that is too small for so small a guest.
    { cat $type.cfg; [ $type = pv ] || echo 'shadow_memory = 1'; } >xl-$type.cfg
done

# Until what the last command has left to others is done; costs no real time.
settle() { sleep 0.3; }

median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }

points=()
point() { # TOOL OP TYPE REGISTRY RUNNING, and the runs' nanoseconds on stdin
    local ns registry=null guest=null type=null running=null
    ns=$(median)
    if [ -z "$ns" ]; then
        say "not measured: $*"
        return
    fi
    [ "$3" = - ] || guest='"noop"' type="\"$3\""
    [ "$4" = - ] || registry="\"$4\""
    [ "$5" = - ] || running=$5
    points+=("$(awk -v ns="$ns" -v rest="\"tool\": \"$1\", \"op\": \"$2\", \
\"guest\": $guest, \"type\": $type, \"vifs\": 0, \"vbds\": 0, \
\"registry\": $registry, \"pool\": false, \"running\": $running" \
        'BEGIN { printf "{%s, \"value\": %.3f}", rest, ns / 1e6 }')")
}

create() { # TOOL TYPE, with spawn's options after them
    local tool=$1 type=$2
    shift 2
    case $tool in
    xl) spawn "$@" xl create -q "xl-$type.cfg" 'name="guest%"' ;;
    chaos) spawn "$@" chaos create "$type.cfg" name=guest% ;;
    esac
}

pass() { # TOOL TYPE REGISTRY RUNS
    local tool=$1 type=$2 registry=$3 runs=$4 running=0 level i
    $tool list >/dev/null # what happens once, happens here
    for level in $levels; do
        say "$tool, $type: with $level running"
        if ! create "$tool" "$type" -n $((level - running)) -f "$running" >/dev/null; then
            say "not measured: $tool, $type, from $level running on"
            break
        fi
        running=$level
        : >create.ns
        : >destroy.ns
        for ((i = 0; i < runs; i++)); do
            settle
            create "$tool" "$type" -f "$level" >>create.ns || break
            settle
            spawn -f "$level" "$tool" destroy guest% >>destroy.ns || break
        done
        settle
        point "$tool" create "$type" "$registry" "$level" <create.ns
        point "$tool" destroy "$type" "$registry" "$level" <destroy.ns
        spawn -n "$runs" "$tool" list >list.ns
        point "$tool" list "$type" "$registry" "$level" <list.ns
    done
    [ "$running" = 0 ] || spawn -n "$running" "$tool" destroy guest% >/dev/null
    settle
}

in_process() { # TYPE
    local type=$1 level
    for level in $levels; do
        say "libchaos, $type: with $level running"
        settle
        inprocess -n 9 -r "$level" "$type" "$work/unikernels/$type/noop" >both.ns
        sed -n 's/^create //p' both.ns >create.ns
        sed -n 's/^destroy //p' both.ns >destroy.ns
        point libchaos create "$type" noxs "$level" <create.ns
        point libchaos destroy "$type" noxs "$level" <destroy.ns
    done
}

settle
spawn -n 9 empty >spawn.ns
point process spawn - - - <spawn.ns
for type in pvh pv; do
    pass chaos $type noxs 9
    in_process $type
done
for type in pvh pv; do
    pass xl $type xenstore 5
done

version=$(xl info | sed -n 's/^xen_version *: *//p')
echo '{"schema": 1, "unit": "vms", "xen": "'"$version"'", "points": ['
for ((i = 0; i < ${#points[@]}; i++)); do
    comma=,
    [ $((i + 1)) -lt ${#points[@]} ] || comma=
    echo "  ${points[i]}$comma"
done
echo ']}'
