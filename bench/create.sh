#!/bin/bash
# SPDX-License-Identifier: MIT
# about: create, destroy and list, by xl and by chaos, without and with devices
# lab: --icount --timeout 1500
#
# Runs in dom0.  Each figure is the median of a few runs.  Without devices all
# are with exactly so many guests running that the same toolstack has made; the
# one that is created and destroyed comes on top.  With devices it is alone.

levels="1 10 50"
address=10.0.120.10
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/empty bench/inprocess bench/answer unikernels

truncate -s 4M disk.img
for type in pvh pv; do
    for devices in none vif vbd vif-vbd; do
        guest=daytime
        [ $devices != none ] || guest=noop
        vif="vif = [\"bridge=xenbr0\"]"
        {
            printf '%s\n' "type = \"$type\"" 'memory = 4' \
                "kernel = \"$work/unikernels/$type/$guest\""
            [[ $devices != *vbd* ]] ||
                echo "disk = [\"format=raw,vdev=xvda,access=rw,target=$work/disk.img\"]"
        } >config
        {
            cat config
            [[ $devices != vif* ]] || echo "${vif/xenbr0/xenbr0,ip=$address/24}"
        } >chaos-$type-$devices.cfg
        {
            cat config
            [[ $devices != vif* ]] || echo "$vif"
            # libxl counts a paging pool that is too small for so small a guest.
            [ $type = pv ] || echo 'shadow_memory = 1'
        } >xl-$type-$devices.cfg
    done
done

# take TOOL OP TYPE DEVICES RUNNING, and the runs' nanoseconds on stdin.
take() {
    local guest='"noop"' registry='"noxs"' type="\"$3\"" running=$5 vifs=0 vbds=0 value
    [[ $4 != vif* ]] || vifs=1
    [[ $4 != *vbd* ]] || vbds=1
    [ "$4" = none ] || guest='"daytime"'
    [ "$1" != xl ] || registry='"xenstore"'
    [ "$1" != process ] || guest=null registry=null type=null running=null
    value=$(vms)
    point "\"tool\": \"$1\", \"op\": \"$2\", \"guest\": $guest, \"type\": $type, \
\"vifs\": $vifs, \"vbds\": $vbds, \"registry\": $registry, \"pool\": false, \
\"running\": $running" "$value"
}

create() { # TOOL TYPE DEVICES, with spawn's options after them
    local tool=$1 type=$2 devices=$3
    shift 3
    case $tool in
    xl) try spawn "$@" xl create -q "xl-$type-$devices.cfg" 'name="guest%"' ;;
    chaos) try spawn "$@" chaos create "chaos-$type-$devices.cfg" name=guest% ;;
    esac
}

# Creates and destroys one guest, so many times.
pairs() { # TOOL TYPE DEVICES RUNNING RUNS
    local i
    : >create.ns
    : >destroy.ns
    : >why
    for ((i = 0; i < $5; i++)); do
        settle
        create "$1" "$2" "$3" -f "$4" >>create.ns || break
        settle
        try spawn -f "$4" "$1" destroy guest% >>destroy.ns || break
    done
    take "$1" create "$2" "$3" "$4" <create.ns
    take "$1" destroy "$2" "$3" "$4" <destroy.ns
    settle
}

pass() { # TOOL TYPE RUNS
    local tool=$1 type=$2 runs=$3 running=0 level
    $tool list >/dev/null # what happens once, happens here
    for level in $levels; do
        say "$tool, $type: with $level running"
        : >list.ns
        create "$tool" "$type" none -n $((level - running)) -f "$running" >/dev/null &&
            running=$level && pairs "$tool" "$type" none "$level" "$runs" &&
            try spawn -n "$runs" "$tool" list >list.ns
        if [ "$running" != "$level" ]; then
            take "$tool" create "$type" none "$level" </dev/null
            break
        fi
        take "$tool" list "$type" none "$level" <list.ns
    done
    clear_away "$tool"
}

in_process() { # TYPE
    local type=$1 level
    for level in $levels; do
        say "libchaos, $type: with $level running"
        settle
        try inprocess -n 9 -r "$level" "$type" "$work/unikernels/$type/noop" >both.ns
        take libchaos create "$type" none "$level" < <(sed -n 's/^create //p' both.ns)
        take libchaos destroy "$type" none "$level" < <(sed -n 's/^destroy //p' both.ns)
    done
}

with_devices() { # TOOL TYPE RUNS
    local devices
    for devices in vif vbd vif-vbd; do
        say "$1, $2: with $devices"
        # The first interface and the first disk after a boot take longer.
        create "$1" "$2" $devices >/dev/null && settle && "$1" destroy guest0 >/dev/null
        settle
        pairs "$1" "$2" $devices 0 "$3"
    done
}

# What comes after `chaos create` has returned, or would have: `up`, until the
# guest says that it is up; the others see answer.c.
up() { # TYPE DEVICES
    local i
    : >up.ns
    : >why
    for ((i = 0; i < 5; i++)); do
        try spawn chaos create --wait "chaos-$1-$2.cfg" name=guest0 >>up.ns || break
        chaos destroy guest0 >/dev/null
        settle
    done
    take chaos up "$1" "$2" 0 <up.ns
}

answers() { # TYPE FILE, with answer's options after them
    local config=chaos-$1-vif.cfg file=$2 i
    shift 2
    : >"$file"
    : >why
    for ((i = 0; i < 5; i++)); do
        ip neigh flush dev xenbr0
        try answer "$@" xenbr0 $address chaos create "$config" name=guest0 >>"$file" ||
            break
        chaos destroy guest0 >/dev/null
        settle
    done
}

until_it_serves() { # TYPE
    say "chaos, $1: until the guest serves"
    up "$1" none
    up "$1" vif
    answers "$1" echo.ns
    take chaos announced "$1" vif 0 < <(sed -n 's/^announced //p' echo.ns)
    take chaos first_packet "$1" vif 0 < <(sed -n 's/^answered //p' echo.ns)
    answers "$1" greet.ns -g 13
    take chaos greeting "$1" vif 0 < <(sed -n 's/^greeted //p' greet.ns)
    clear_away chaos
}

settle
spawn -n 9 empty >spawn.ns
take process spawn - none - <spawn.ns
for type in pvh pv; do
    with_devices chaos $type 5
    until_it_serves $type
done
for type in pvh pv; do
    with_devices xl $type 3
done
for type in pvh pv; do
    pass chaos $type 9
    in_process $type
done
for type in pvh pv; do
    pass xl $type 5
done
print_points '"unit": "vms"'
