#!/bin/bash
# SPDX-License-Identifier: MIT
# about: create by xl, by chaos cold and from shells, beside processes and containers
# first: tests/lab/program container
# lab: --icount --timeout 1500
#
# Runs in dom0.  Each figure is the median of a few runs, with so many guests
# without devices running as `base` says, which the same toolstack has made
# cold; the one that is created and destroyed comes on top.
#
# Pools were filled before, and nothing of that is still going on: but for the
# runs that tell what a refill costs their user, creates have --no-refill.
# Between a destroy and the next create is a command that clears away what the
# guest left, or the create would.
#
# The guest is noop with any devices: once it runs it has the lab's one CPU as
# well as dom0, and daytime, which is measured with one vif, does more there.
#
# All takes ten minutes; `make bench BENCH="pool [TYPES [DEVICES]]"` less.

types=${1:-pvh pv} all_devices=${2:-none vif vif-vbd}
base=4 runs=9 xl_runs=3 shells=10
address=10.0.120.10
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/empty bench/inprocess bench/answer unikernels
cp -r "$CHAOS_ROOT/build/lab/container" . || say "no container"

truncate -s 4M disk.img
vif='vif = ["bridge=xenbr0"]'
vbd="disk = [\"format=raw,vdev=xvda,access=rw,target=$work/disk.img\"]"

# lines DEVICES: of a configuration.
lines() {
    [[ $1 != vif* ]] || echo "$vif"
    [[ $1 != *vbd* ]] || echo "$vbd"
}

for type in $types; do
    for devices in none vif vif-vbd; do
        {
            printf '%s\n' "type = \"$type\"" 'memory = 4' \
                "kernel = \"$work/unikernels/$type/noop\""
            lines $devices
        } >chaos-$type-noop-$devices.cfg
        {
            cat chaos-$type-noop-$devices.cfg
            # libxl counts a paging pool that is too small for so small a guest.
            [ $type = pv ] || echo 'shadow_memory = 1'
        } >xl-$type-noop-$devices.cfg
    done
    sed "s/noop/daytime/; s/xenbr0/&,ip=$address\\/24/" chaos-$type-noop-vif.cfg \
        >chaos-$type-daytime-vif.cfg
done

# take TOOL OP TYPE IMAGE DEVICES POOL RUNNING, with more members after them
# and the runs' nanoseconds on stdin; of each the PARTS-th part.
parts=1
take() {
    local registry='"noxs"' vifs=0 vbds=0 members value
    [[ $5 != vif* ]] || vifs=1
    [[ $5 != *vbd* ]] || vbds=1
    [[ $1 != xl && $1 != chaos-xenstore ]] || registry='"xenstore"'
    value=$(median | awk "{ printf \"%.3f\", \$1 / 1e6 / $parts }")
    members="\"tool\": \"${1%-*}\", \"op\": \"$2\", \"image\": \"$4\", \
\"type\": \"$3\", \"memory_mib\": 4, \"vcpus\": 1, \"vifs\": $vifs, \
\"vbds\": $vbds, \"registry\": $registry, \"pool\": $6, \"running\": $7"
    shift 7
    point "$members${*:+, $*}" "$value"
}

# What has no guest.
yardstick() { # TOOL OP WHAT, and the runs' nanoseconds on stdin
    local value
    value=$(vms)
    point "\"tool\": \"$1\", \"op\": \"$2\", \"image\": \"$3\", \"type\": null, \
\"memory_mib\": null, \"vcpus\": null, \"vifs\": 0, \"vbds\": 0, \
\"registry\": null, \"pool\": 0, \"running\": 0" "$value"
}

create() { # TOOL CONFIG, with options of chaos create after them
    local tool=$1 config=$2
    shift 2
    case $tool in
    xl) try spawn xl create -q "xl-$config.cfg" 'name="new"' ;;
    chaos) try spawn chaos create "$@" "chaos-$config.cfg" name=new ;;
    esac
}

# The one on top goes, with all that it leaves.
destroy() { # TOOL
    try spawn "$1" destroy new && "$1" list >/dev/null && settle && settle
}

few_running() { # TOOL TYPE
    local i
    for ((i = 0; i < base; i++)); do
        case $1 in
        xl) try xl create -q "xl-$2-noop-none.cfg" "name=\"guest$i\"" ;;
        chaos) try chaos create -q --cold --no-refill "chaos-$2-noop-none.cfg" "name=guest$i" ;;
        esac || return
    done
    settle
}

# Creates and destroys, TIMES, to create.ns and destroy.ns; the first one
# after a boot takes longer, so one more comes before.
pairs() { # TOOL TIMES CONFIG, with options of chaos create after them
    local i times=$2
    set -- "$1" "${@:3}"
    : >create.ns
    : >destroy.ns
    : >why
    for ((i = 0; i <= times; i++)); do
        settle
        create "$@" >create && settle && destroy "$1" >destroy || break
        [ "$i" = 0 ] || { cat create >>create.ns && cat destroy >>destroy.ns; }
    done
}

take_pairs() { # as take, but for OP
    take "$1" create "${@:2}" <create.ns
    take "$1" destroy "${@:2}" <destroy.ns
}

# With the interfaces and back ends of the shells, which the kernel takes away
# one by one and for long after; what makes new ones meanwhile waits for it.
empty_pools() {
    local tries
    chaos pool drain && chaos list >/dev/null || return
    for ((tries = 0; tries < 100; tries++)); do
        [ -n "$(ls /sys/bus/xen-backend/devices)" ] || compgen -G '/sys/class/net/vif*' \
            >/dev/null || break
        settle
    done
    settle
}

# Fills a pool, to fill.ns; `pool` is its name.
fill() { # CONFIG
    try spawn chaos pool fill -n $shells "chaos-$1.cfg" >fill.ns || return
    pool=$(chaos pool list --json | sed -n 's/.*"name": "\(.*\)".*/\1/p')
    settle
    [ "$(ready)" = $shells ] || { echo "the pool is not full" >why && return 1; }
}

fills() { # TYPE DEVICES
    local i
    : >fills.ns
    : >why
    empty_pools
    for i in 0 1 2; do
        fill "$1-noop-$2" && empty_pools || break
        [ "$i" = 0 ] || cat fill.ns >>fills.ns
    done
    parts=$shells take chaos prepare "$1" noop "$2" 0 $base <fills.ns
}

# One create at a time from a pool that is full, and is again after it.
with_refill() { # CONFIG
    local i tries
    : >create.ns
    : >why
    try chaos pool set "$pool" -s $shells -l $shells || return
    chaos pool fill "$pool" >/dev/null
    for ((i = 0; i < xl_runs; i++)); do
        settle
        create chaos "$1" >>create.ns || break
        for ((tries = 0; tries < 100; tries++)); do
            [ "$(ready)" != $shells ] || break
            settle
        done
        if [ "$(ready)" != $shells ]; then
            echo "the pool is not filled again" >why
            : >create.ns
            break
        fi
        destroy chaos >/dev/null || break
    done
}

# Whether so many creates were from shells: else there are some more.
took() {
    [ "$(ready)" = $((shells - $1)) ] && return
    [ -s why ] || echo "a create took no shell" >why
    return 1
}

from_shells() { # TYPE IMAGE DEVICES
    local config=$1-$2-$3
    if fill "$config"; then
        pairs chaos $runs "$config" --no-refill
        took $((runs + 1)) || { : >create.ns && : >destroy.ns; }
    else
        : >create.ns
        : >destroy.ns
    fi
    take_pairs chaos "$1" "$2" "$3" $shells $base '"refill": false'
    [ "$2" = noop ] || return
    with_refill "$config"
    take chaos create "$1" "$2" "$3" $shells $base '"refill": true' <create.ns
}

# From the spawn of chaos create until the guest has answered an echo request.
answers() { # TYPE
    local i
    : >answers.txt
    : >why
    if fill "$1-daytime-vif"; then
        for ((i = 0; i < xl_runs; i++)); do
            ip neigh flush dev xenbr0
            try answer xenbr0 $address chaos create --no-refill \
                "chaos-$1-daytime-vif.cfg" name=new >>answers.txt || break
            destroy chaos >/dev/null || break
        done
        took $xl_runs || : >answers.txt
    fi
    take chaos announced "$1" daytime vif $shells $base '"refill": false' \
        < <(sed -n 's/^announced //p' answers.txt)
    take chaos first_packet "$1" daytime vif $shells $base '"refill": false' \
        < <(sed -n 's/^answered //p' answers.txt)
}

with_chaos() { # TYPE
    local type=$1 devices
    chaos list >/dev/null
    few_running chaos "$type" || return
    for devices in $all_devices; do
        say "chaos, $type, $devices: cold"
        pairs chaos $runs "$type-noop-$devices" --cold --no-refill
        take_pairs chaos "$type" noop $devices 0 $base '"refill": false'
        say "chaos, $type, $devices: filling pools"
        fills "$type" $devices
        say "chaos, $type, $devices: from shells"
        from_shells "$type" noop $devices
        empty_pools
    done
    [[ " $all_devices " = *" vif "* ]] || { clear_away chaos && return; }
    say "chaos, $type, vif, daytime"
    pairs chaos $runs "$type-daytime-vif" --cold --no-refill
    take_pairs chaos "$type" daytime vif 0 $base '"refill": false'
    from_shells "$type" daytime vif
    empty_pools
    answers "$type"
    empty_pools
    clear_away chaos
}

in_process() { # TYPE
    local type=$1 devices more
    for devices in $all_devices; do
        say "libchaos, $type, $devices: from shells"
        mapfile -t more < <(lines $devices)
        try inprocess -s -n $runs -r $base "$type" \
            "$work/unikernels/$type/noop" "${more[@]}" >both.ns || : >both.ns
        take libchaos create "$type" noop $devices $runs $base '"refill": false' \
            < <(sed -n 's/^create //p' both.ns)
        take libchaos destroy "$type" noop $devices $runs $base '"refill": false' \
            < <(sed -n 's/^destroy //p' both.ns)
        settle
    done
}

with_xl() { # TYPE
    local type=$1 devices
    few_running xl "$type"
    for devices in $all_devices; do
        say "xl, $type, $devices"
        pairs xl $xl_runs "$type-noop-$devices"
        take_pairs xl "$type" noop $devices 0 $base
    done
    clear_away xl
}

# A shell of such a guest can have no disk that is written to (docs/xenstore.md).
xenstore_mode() { # TYPE
    local type=$1 devices config
    few_running chaos "$type" || return
    for devices in $all_devices; do
        say "chaos, $type, $devices: xenstore mode"
        config=$type-xenstore-$devices
        sed 's/access=rw/access=ro/' chaos-$type-noop-$devices.cfg >chaos-$config.cfg
        echo 'registry = "xenstore"' >>chaos-$config.cfg
        pairs chaos $runs $config --cold --no-refill
        take_pairs chaos-xenstore "$type" noop $devices 0 $base '"refill": false'
        if fill $config; then
            pairs chaos $runs $config --no-refill
            took $((runs + 1)) || truncate -s 0 create.ns destroy.ns
        else
            truncate -s 0 create.ns destroy.ns
        fi
        take_pairs chaos-xenstore "$type" noop $devices $shells $base '"refill": false'
        empty_pools
    done
    clear_away chaos
}

# crun's own example of a configuration, without a terminal: namespaces of its
# own, mounts, a cgroup.  An initramfs can't be left by pivot_root.
container() {
    local i
    : >crun.ns
    : >why
    mkdir -p bundle || return
    mv container/rootfs bundle || { echo "crun is not there" >why && return; }
    grep -q ' /sys/fs/cgroup ' /proc/mounts || mount -t cgroup2 none /sys/fs/cgroup
    mkdir -p bundle/rootfs/{dev,proc,sys}
    cd bundle || return
    export LD_LIBRARY_PATH=$work/container/lib
    try ../container/bin/crun spec &&
        sed -i -e 's/"terminal": true/"terminal": false/' \
            -e 's|"sh"|"/bin/busybox", "true"|' config.json &&
        try spawn ../container/bin/crun run --no-pivot warm >/dev/null &&
        for ((i = 0; i < runs; i++)); do
            settle
            try spawn -f "$i" ../container/bin/crun run --no-pivot busybox% \
                >>../crun.ns || break
        done
    unset LD_LIBRARY_PATH
    [ "$PWD" = "$work" ] || { cp why "$work/why" && cd "$work"; }
}

settle
spawn -n $runs empty >spawn.ns
yardstick process spawn empty <spawn.ns
say "crun"
container
yardstick crun run busybox <crun.ns
for type in $types; do
    with_chaos $type
    in_process $type
    xenstore_mode $type
    with_xl $type
done
print_points '"unit": "vms"'
