#!/bin/bash
# SPDX-License-Identifier: MIT
# about: create until the guest is up, by image, and by the image's size
# first: bench/boot-images
# lab: --icount --memory 6144 --dom0-memory 2048 --timeout 2400
#
# Runs in dom0.  No other guest is running.  "create" is from the spawn of the
# command to its exit, "up" until the guest has said that it is up: unikernels
# by noxs, which create --wait waits for, Linux on its console.  To xl a
# unikernel can't say it; it says hello on its console, with hello.
#
# The images of other sizes are noop with one more segment, of random bytes
# (pad).

runs=5 linux_memory=160
sizes="1 4 16 64"
console=/var/log/xen/console/guest-new.log
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/says bench/padded unikernels lab/guest-vmlinux lab/guest-initrd.gz

# configure IMAGE KERNEL MEMORY [LINE]...: IMAGE.cfg, and xl-IMAGE.cfg.
configure() {
    local image=$1
    printf '%s\n' 'name = "new"' 'type = "pvh"' "kernel = \"$2\"" "memory = $3" "${@:4}" \
        >"$image.cfg"
    # libxl counts a paging pool that is too small for so small a guest.
    { cat "$image.cfg" && { [ "$3" -gt 64 ] || echo 'shadow_memory = 1'; }; } >"xl-$image.cfg"
}

# take TOOL OP IMAGE MEMORY SHELLS [MEMBER]..., and nanoseconds on stdin.
take() {
    local registry='"noxs"' members
    [[ $1 != xl && $3 != linux ]] || registry='"xenstore"'
    members="\"tool\": \"$1\", \"op\": \"$2\", \"image\": \"$3\", \"type\": \"pvh\", \
\"memory_mib\": $4, \"vcpus\": 1, \"vifs\": $vifs, \"vbds\": 0, \"registry\": $registry, \
\"pool\": $5, \"refill\": false, \"running\": 0"
    shift 5
    point "$members${*:+, $*}" "$(vms)"
}

by_chaos() { # IMAGE MEMORY, with more members after them
    local image=$1 memory=$2 shells
    shift 2
    say "chaos, $image, $memory MiB"
    for shells in 0 $runs; do
        chaos_pairs_among 0 $runs $shells "$image.cfg"
        take chaos create "$image" "$memory" $shells "$@" <create.ns
        chaos_pairs_among 0 $runs $shells "$image.cfg" --wait
        take chaos up "$image" "$memory" $shells "$@" <create.ns
    done
}

by_xl() { # IMAGE MEMORY, with more members after them
    say "xl, $1, $2 MiB"
    pairs_among 0 xl 3 xl create -q "xl-$1.cfg"
    take xl create "$1" "$2" 0 "${@:3}" <create.ns
}

# Until TEXT is on the console, to up.ns; the guest may have gone by itself.
until_it_says() { # TIMES TEXT TOOL COMMAND...
    local times=$1 text=$2 tool=$3 i
    shift 3
    : >up.ns
    : >why
    for ((i = 0; i < times; i++)); do
        rest 0 && try says $console "$text" "$@" >said || { : >up.ns && break; }
        sed -n 's/^said //p' said >>up.ns
        settle
        "$tool" destroy new 2>/dev/null
        "$tool" list >/dev/null
    done
}

linux_by() { # TOOL SHELLS COMMAND...
    say "$1, linux, $2 shells"
    until_it_says 2 "guest: up" "$1" "${@:3}"
    take "$1" up linux $linux_memory "$2" <up.ns
}

for image in noop daytime http; do
    vifs=0 ip=''
    [ $image = noop ] || vifs=1 ip='vif = ["bridge=xenbr0,ip=10.0.120.10/24"]'
    configure $image "$work/unikernels/pvh/$image" 4 "$ip"
    by_chaos $image 4
done
vifs=0
configure hello "$work/unikernels/pvh/hello" 4
say "xl, hello"
until_it_says 3 Hello xl xl create -q xl-hello.cfg
take xl up hello 4 0 <up.ns

for size in 0 $sizes; do
    image=noop-$size kernel=$work/padded/noop-$size
    [ "$size" != 0 ] || kernel=$work/unikernels/pvh/noop
    configure "$image" "$kernel" $((size + 8))
    by_chaos "$image" $((size + 8)) "\"image_mib\": $size"
    by_xl "$image" $((size + 8)) "\"image_mib\": $size"
done

vifs=1
configure linux "$work/guest-vmlinux" $linux_memory "ramdisk = \"$work/guest-initrd.gz\"" \
    'extra = "console=hvc0 quiet"' 'vif = ["bridge=xenbr0"]'
linux_by chaos 0 chaos create -q --cold --no-refill linux.cfg
chaos pool fill -n 2 linux.cfg >/dev/null
linux_by chaos 2 chaos create -q --no-refill linux.cfg
chaos pool drain
linux_by xl 0 xl create -q linux.cfg
print_points '"unit": "vms"'
