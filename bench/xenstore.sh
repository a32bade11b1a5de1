#!/bin/bash
# SPDX-License-Identifier: MIT
# about: a Linux guest by xl, and by chaos in xenstore mode, cold and from shells
# first: tests/lab/guest-initrd
# lab: --icount --memory 20480 --timeout 7200
#
# Runs in dom0.  The guest that is measured is Debian's kernel with an initramfs
# of busybox's, one vif and one vbd that it may write to.  Each figure of a command is the median of a
# few runs; "up" is one run, from the spawn of the command until the guest has
# said on its console that it is up.
#
# The others that are running are there to be many: unikernels of 4 MiB that do
# nothing, PVH, with a vif and a vbd, all made by the tool that is measured and
# found through XenStore.
#
# Unpacking Debian's kernel takes longer than all else of a create, and is the
# same work for both tools: they are compared with the unpacked kernel.  The
# compressed one is measured once, with chaos also when it has unpacked it
# before and kept that.
#
# Pools were filled before, and nothing of that is still going on: creates have
# --no-refill.  Between a destroy and the next create is a command that clears
# away what the guest left, or the create would.
#
# What no command can clear away is in oxenstored.  When a domain ends, it makes
# all of its tree anew (reset_permissions in its store.ml), and collects what was
# the old one while it serves what comes next.  So creates are measured twice:
# each right behind a destroy, and in a row, where none has been destroyed since
# the others came.

# Arguments: how many are running, and for xl if that is to be less.
levels=${1:-1 10 50 100}
xl_levels=${2:-$levels}
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/empty bench/says unikernels lab/guest-vmlinux lab/guest-initrd.gz
cp /boot/vmlinuz guest-vmlinuz || exit 1

memory=160 vifs=1
log=/var/log/xen/console/guest-new.log
truncate -s 16M new.img

disk() { # NAME
    echo "disk = [\"format=raw,vdev=xvda,access=rw,target=$work/$1.img\"]"
}

for type in pvh pv; do
    for kernel in vmlinux vmlinuz; do
        printf '%s\n' 'name = "new"' "type = \"$type\"" "memory = $memory" \
            "kernel = \"$work/guest-$kernel\"" "ramdisk = \"$work/guest-initrd.gz\"" \
            'extra = "console=hvc0 quiet"' 'vif = ["bridge=xenbr0"]' "$(disk new)" \
            >$type-$kernel.cfg
    done
    printf '%s\n' "type = \"$type\"" 'memory = 4' \
        "kernel = \"$work/unikernels/$type/noop\"" 'vif = ["bridge=xenbr0"]' \
        >$type-noop.cfg
done
# libxl counts a paging pool that is too small for so small a guest.
{ cat pvh-noop.cfg && echo 'shadow_memory = 1'; } >other-xl.cfg
{ cat pvh-noop.cfg && echo 'registry = "xenstore"'; } >other-chaos.cfg

# take TOOL OP TYPE KERNEL SHELLS RUNNING, and the runs' nanoseconds on stdin.
# `kept`: whether chaos has the kernel unpacked from before.
kept=false
take() {
    local registry='"xenstore"' memory_mib=$memory ramdisk='"busybox"' value
    [ "$4" != noop ] || registry='"noxs"' memory_mib=4 ramdisk=null
    value=$(vms)
    point "\"tool\": \"$1\", \"op\": \"$2\", \"type\": \"$3\", \"kernel\": \"$4\", \
\"kept\": $kept, \"ramdisk\": $ramdisk, \"memory_mib\": $memory_mib, \"vcpus\": 1, \"vifs\": 1, \
\"vbds\": 1, \"registry\": $registry, \"pool\": $5, \"refill\": false, \
\"running\": $6" "$value"
}

# Creates the guest that is measured, to create.ns; with UP yes until it has
# said that it is up, to up.ns.
create() { # UP TOOL CONFIG, with options of chaos create after them
    local up=$1 tool=$2 config=$3
    shift 3
    [ $kept = true ] || rm -rf "$CHAOS_CACHE_DIR"
    case $tool in
    xl) set -- xl create -q "$config" ;;
    chaos) set -- chaos create -q --no-refill "$@" "$config" ;;
    esac
    if [ "$up" != yes ]; then
        try spawn "$@" >>create.ns
    elif try says $log "guest: up" "$@" >said; then
        sed -n 's/^returned //p' said >>create.ns
        sed -n 's/^said //p' said >>up.ns
    else
        return 1
    fi
}

# The one on top goes, with all that it leaves.
destroy() { # TOOL
    try spawn "$1" destroy new >>destroy.ns && "$1" list >/dev/null
}

# Creates and destroys, TIMES; the first one until it is up.
pairs() { # TOOL TIMES RUNNING CONFIG, with options of chaos create after them
    local tool=$1 times=$2 running=$3 i up=yes
    shift 3
    rm -f -- *.ns
    touch create.ns up.ns destroy.ns
    : >why
    rest "$running" || return
    for ((i = 0; i < times; i++)); do
        create $up "$tool" "$@" || break
        settle
        destroy "$tool" && rest "$running" || break
        up=no
    done
    [ "$i" = "$times" ] || : >create.ns
}

take_all() { # TOOL TYPE KERNEL SHELLS RUNNING
    take "$1" create "${@:2}" <create.ns
    take "$1" up "${@:2}" <up.ns
    take "$1" destroy "${@:2}" <destroy.ns
}

from_shells() { # TYPE KERNEL RUNNING
    local config=$1-$2.cfg
    : >why
    if try chaos pool fill -n "$runs" "$config" >/dev/null; then
        pairs chaos "$runs" "$3" "$config"
        if [ "$(ready)" != 0 ]; then
            [ -s why ] || echo "a create took no shell" >why
            : >create.ns
            : >up.ns
        fi
    else
        : >create.ns
        : >up.ns
        : >destroy.ns
    fi
    take_all chaos "$1" "$2" "$runs" "$3"
    chaos pool drain
    rest "$3"
}

# Guests of both types in turn, each when the one before is up; they come on top
# of those that are running.
in_a_row() { # TOOL RUNNING
    local tool=$1 runs=7 i type name names=() options=(--cold --no-refill)
    say "$tool, in a row: with $2 running"
    [ "$tool" = chaos ] || runs=3 options=()
    rm -f -- *.ns
    touch pvh.ns pv.ns
    : >why
    for ((i = 0; i < runs; i++)); do
        for type in pvh pv; do
            name=new-$type-$i
            names+=("$name")
            truncate -s 16M "$name.img"
            try says "${log/new/$name}" "guest: up" "$tool" create -q "${options[@]}" \
                $type-vmlinux.cfg "name=\"$name\"" "$(disk "$name")" >said || break 2
            sed -n 's/^returned //p' said >>$type.ns
            settle
        done
    done
    for type in pvh pv; do
        [ "$i" = "$runs" ] || : >$type.ns
        take "$tool" "create in a row" $type vmlinux 0 "$2" <$type.ns
    done
    for name in "${names[@]}"; do "$tool" destroy "$name"; done
    "$tool" list >/dev/null
    rest "$2"
}

measure() { # TOOL KERNEL RUNNING
    # In every second or third create of chaos's among many, oxenstored collects
    # its garbage as well: a median of five is one of those now and then.
    local type runs=11 xl_runs=3
    [ "$2" != vmlinuz ] || runs=2 xl_runs=2
    for type in pvh pv; do
        say "$1, $type, $2: with $3 running"
        if [ "$1" = xl ]; then
            pairs xl "$xl_runs" "$3" $type-$2.cfg
            take_all xl $type "$2" 0 "$3"
        else
            pairs chaos "$runs" "$3" $type-$2.cfg --cold
            take_all chaos $type "$2" 0 "$3"
            if [ "$2" = vmlinuz ]; then
                kept=true
                pairs chaos "$runs" "$3" $type-$2.cfg --cold
                take_all chaos $type "$2" 0 "$3"
            fi
            say "$1, $type, $2: with $3 running, from shells"
            from_shells $type "$2" "$3"
            kept=false
        fi
    done
}

# The others, FIRST to LAST, each with a disk of its own.
others() { # TOOL FIRST LAST
    local i
    for ((i = $2; i <= $3; i++)); do truncate -s 1M "other$i.img"; done
    try spawn -n $(($3 - $2 + 1)) -f "$2" "$1" create -q other-"$1".cfg 'name="other%"' \
        "$(disk other%)" >/dev/null
}

noxs() { # RUNNING
    local type i runs=5
    for type in pvh pv; do
        disk new >>$type-noop.cfg
        echo 'name = "new"' >>$type-noop.cfg
        : >why
        rest "$1"
        rm -f -- *.ns
        touch create.ns
        for ((i = 0; i < runs; i++)); do
            create no chaos $type-noop.cfg --cold && settle && destroy chaos &&
                rest "$1" || break
        done
        take chaos create $type noop 0 "$1" <create.ns
    done
}

# What happens once, happens here.
once() { # TOOL
    create no "$1" pvh-vmlinux.cfg && settle && destroy "$1" && rest 0
}

pass() { # TOOL LEVELS
    local running=0 level
    once "$1" || return
    for level in $2; do
        if ! others "$1" $((running + 1)) "$level"; then
            take_none "$1" "$level"
            continue
        fi
        running=$level
        in_a_row "$1" "$level"
        if [ "$level" = 1 ]; then
            measure "$1" vmlinuz 1
            [ "$1" = xl ] || noxs 1
        fi
        measure "$1" vmlinux "$level"
    done
    clear_away "$1"
    rest 0
}

# So many can't be running.
take_none() { # TOOL RUNNING
    local type op
    for type in pvh pv; do
        for op in create up destroy "create in a row"; do
            take "$1" "$op" $type vmlinux 0 "$2" </dev/null
        done
    done
}

settle
spawn -n 9 empty >spawn.ns
value=$(vms <spawn.ns)
point '"tool": "process", "op": "spawn", "type": null, "kernel": null, "kept": false, "ramdisk": null,
"memory_mib": null, "vcpus": null, "vifs": 0, "vbds": 0, "registry": null, "pool": 0,
"refill": false, "running": 0' "$value"
pass chaos "$levels"
pass xl "$xl_levels"
print_points '"unit": "vms", "others": {"kernel": "noop", "type": "pvh", "memory_mib": 4,
"vcpus": 1, "vifs": 1, "vbds": 1, "registry": "xenstore"}'
