#!/bin/bash
# SPDX-License-Identifier: MIT
# about: network and disk, unikernels under chaos and a Debian guest under xl
# lab: --icount --timeout 900
# first: tests/lab/guest-initrd
#
# Runs in dom0.  One guest at a time.  The network's other end is dom0 itself,
# on the bridge; the disk is a loop device on a file in dom0's memory.  Guest,
# dom0 and Xen share the only processor, and its instructions are the clock: a
# figure tells what a byte costs all of them together.
#
# Under chaos it is the unikernels echo and blkcheck, under xl a Debian kernel
# with its own front ends, PV, which runs traffic and disk (*.c here) for
# services.  The client in dom0 is the same.

tcp_bytes=$((16 << 20)) tcp_runs=3
pings=200
disk_bytes=$((8 << 20))
requests="4096 16384" depths="1 16"
address=10.0.120.10
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/traffic bench/disk unikernels lab/guest-initrd.gz
cp /boot/vmlinux . || exit 1

truncate -s $((16 << 20)) disk.img
loop=$(losetup -f --show "$work/disk.img") || exit 1

# take MEMBERS UNIT VALUE
take() { point "$members, $1, \"unit\": \"$2\"" "$3"; }

megabytes_per_s() { # BYTES, and nanoseconds on stdin
    median | awk -v bytes="$1" '{ printf "%.2f", bytes / 1e6 / ($1 / 1e9) }'
}

# The client, as long as there is a guest to talk to.
down=''
client() {
    [ -z "$down" ] || { echo "$down" >&2; return 1; }
    traffic "$@"
}

tcp() { # OP TRAFFIC-COMMAND
    local i
    : >tcp.ns
    settle
    try client "$2" $address $((1 << 20)) >/dev/null &&
        for ((i = 0; i < tcp_runs; i++)); do
            try client "$2" $address $tcp_bytes >>tcp.ns || break
        done
    take "\"op\": \"$1\"" MB/s "$(megabytes_per_s $tcp_bytes <tcp.ns)"
}

network() {
    local protocol
    for protocol in icmp udp; do
        try client ping $protocol $address $pings >ping.ns || : >ping.ns
        take "\"op\": \"ping_${protocol}_min\"" us \
            "$(sort -n ping.ns | awk 'NR == 1 { printf "%.1f", $1 / 1e3 }')"
        take "\"op\": \"ping_${protocol}_median\"" us \
            "$(median <ping.ns | awk '{ printf "%.1f", $1 / 1e3 }')"
    done
    tcp tcp_to_guest send
    tcp tcp_from_guest receive
}

# Both report alike: "... write NS ns, read NS ns".
disk_points() { # REQUEST DEPTH, and the report on stdin
    local report op
    report=$(sed -n 's/.*: write \([0-9]*\) ns, read \([0-9]*\) ns.*/write \1\nread \2/p')
    for op in write read; do
        take "\"op\": \"disk_$op\", \"request\": $1, \"depth\": $2" MB/s \
            "$(sed -n "s/^$op //p" <<<"$report" | megabytes_per_s $disk_bytes)"
    done
}

under_chaos() { # TYPE
    local request depth
    say "chaos, $1: network"
    members="\"tool\": \"chaos\", \"guest\": \"echo\", \"type\": \"$1\", \"registry\": \"noxs\""
    printf '%s\n' 'name = "guest"' "type = \"$1\"" 'memory = 2' \
        "kernel = \"$work/unikernels/$1/echo\"" \
        "vif = [\"bridge=xenbr0,ip=$address/24\"]" >echo.cfg
    ip neigh flush dev xenbr0
    down=''
    try chaos create --wait echo.cfg >/dev/null || down=$(head -n 1 why)
    network
    [ -n "$down" ] || chaos destroy guest
    settle

    say "chaos, $1: disk"
    members="${members/echo/blkcheck}"
    printf '%s\n' 'name = "guest"' "type = \"$1\"" 'memory = 2' \
        "kernel = \"$work/unikernels/$1/blkcheck\"" \
        "disk = [\"format=raw,vdev=xvda,access=rw,target=$loop\"]" >blkcheck.cfg
    for request in $requests; do
        for depth in $depths; do
            try timeout 60 chaos create -c blkcheck.cfg \
                "extra=\"bench=$disk_bytes request=$request depth=$depth\"" \
                </dev/null >report || chaos destroy guest
            disk_points "$request" "$depth" <report
            settle
        done
    done
}

log=/var/log/xen/console/guest-debian.log

await_debian() {
    local i
    for ((i = 0; i < 300; i++)); do
        ! grep -q 'guest: up' $log 2>/dev/null || return 0
        sleep 0.2
    done
    echo "the Debian guest does not come up" >&2
    return 1
}

debian_said() { # TEXT
    grep "$1" $log || { echo "the Debian guest does not say" >&2; return 1; }
}

under_xl() {
    local request depth run=''
    members='"tool": "xl", "guest": "debian", "type": "pv", "registry": "xenstore"'
    mkdir bin && cp traffic disk bin
    { cat guest-initrd.gz; printf '%s\n' bin/traffic bin/disk | cpio -o -H newc | gzip; } >initrd
    for request in $requests; do
        for depth in $depths; do
            run+=" run=disk,/dev/xvda,$disk_bytes,$request,$depth"
        done
    done
    printf '%s\n' 'name = "debian"' 'type = "pv"' 'memory = 256' \
        "kernel = \"$work/vmlinux\"" "ramdisk = \"$work/initrd\"" \
        "vif = [\"bridge=xenbr0\"]" \
        "disk = [\"format=raw,vdev=xvda,access=rw,target=$loop\"]" \
        "extra = \"console=hvc0 quiet address=$address/24 run=traffic,serve$run\"" \
        >debian.cfg
    ip neigh flush dev xenbr0
    say "xl: the Debian guest boots"
    down=''
    { try xl create -q debian.cfg && try await_debian; } || down=$(head -n 1 why)
    say "xl: network"
    network
    say "xl: disk"
    for request in $requests; do
        for depth in $depths; do
            try debian_said "^disk: request $request depth $depth:" >report
            disk_points "$request" "$depth" <report
        done
    done
    xl destroy debian
}

settle
for type in pvh pv; do
    under_chaos $type
done
under_xl
losetup -d "$loop"
print_points '"configuration": {
  "clock": "instructions of the only processor, 1 ns each",
  "dom0": "Linux '"$(uname -r), $(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo) MiB, $(nproc)"' vCPU",
  "echo, blkcheck": "2 MiB, 1 vCPU, front ends of noxs/guest, TCP/IP of lwIP; a packet is no larger than the MTU",
  "debian": "dom0'\''s kernel, 256 MiB, 1 vCPU, xen-netfront and xen-blkfront as they come: the network in pieces of up to 64 KiB",
  "peer": "traffic in dom0, through the bridge; MTU '"$(cat /sys/class/net/xenbr0/mtu)"'",
  "tcp": "one connection, '"$tcp_bytes"' bytes, median of '"$tcp_runs"'",
  "ping": "'"$pings"' packets of 64 bytes, one after the other",
  "disk": "a loop device on a file in tmpfs; the first '"$disk_bytes"' bytes in sequence; so many requests in flight, past the page cache, not merged"
}'
