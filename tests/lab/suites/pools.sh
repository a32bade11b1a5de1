# SPDX-License-Identifier: MIT
# Shells: what is made of them is what a guest made without one is, those that
# are of no use any more are found, and nothing is left of any of them.
. "$(dirname "$0")/../lib.sh"

last=60
web() { # TYPE NAME [LINE]...: a configuration NAME.cfg with a vif and a disk
    last=$((last + 1))
    address=10.0.120.$last
    truncate -s 4M "$2.img"
    config "$1" daytime "vif = [\"ip=$address/24,gw=10.0.120.1\"]" \
        "disk = [\"$work/$2.img,raw,xvda,w\"]" "${@:3}" |
        sed "1s/.*/name = \"$2\"/" >"$2.cfg"
}

json() { # NAME KEY: of the pool
    chaos pool list --json | sed -n "/\"name\": \"$1\"/,/}/s/.*\"$2\": \"\{0,1\}\([^\",]*\).*/\1/p"
}
ready_is() { [ "$(json "$pool" ready)" = "$1" ]; }
shells() { chaos list -a | grep -c '^(shell)'; }
settled() { [ -z "$(ls /sys/bus/xen-backend/devices)" ]; }

# All that this suite makes goes, and as many things are there as before.
leaves_nothing() {
    chaos pool drain || return
    destroy_all
    chaos list -a
    until_true 10 settled && same_again 20
}

begin() {
    until_true 10 settled
    count >before
}

answers_ping() { ping -c 2 -W 2 "$1" | grep ' 0% packet loss'; }

becomes_a_guest() { # TYPE
    begin
    web "$1" first
    local one=$address
    web "$1" second 'uuid = "11111111-2222-3333-4444-555555555555"'
    local two=$address
    sed -i 's/ip=/mac=00:16:3e:0a:0b:0c,ip=/' second.cfg
    pool=$(chaos pool fill -n 2 first.cfg) && ready_is 2 && [ "$(shells)" = 2 ] || return
    exits 1 "is a shell" chaos destroy "$(chaos list -a | awk '/^\(shell/ { print $2; exit }')"
    chaos create -w -t 20 --no-refill first.cfg && ready_is 1 &&
        chaos create -w -t 20 --no-refill second.cfg && ready_is 0 && [ "$(shells)" = 0 ] || return
    answers_ping $one && answers_ping $two || return
    chaos info second
    chaos info second | grep 'uuid: *11111111-2222-3333-4444-555555555555' &&
        chaos vif-list second | grep 00:16:3e:0a:0b:0c &&
        chaos block-list second && losetup -a | grep second.img || return
    leaves_nothing
}

# The loop device has the file's size, and takes writes and flushes; one that
# is read only is so for the guest and in dom0.
has_its_disk() { # TYPE
    begin
    local access
    seq -f %0511.0f 0 8191 >pattern.img
    for access in w r; do
        cp pattern.img data.img
        config "$1" blkcheck "disk = [\"$work/data.img,raw,xvda,$access\"]" >blkcheck.cfg
        pool=$(chaos pool fill -n 1 blkcheck.cfg) || return
        timeout 60 chaos create -c --no-refill blkcheck.cfg >out 2>&1
        cat out
        grep -q "xvda 8192 sectors: verified" out && gone blkcheck && ready_is 0 || return
        [ $access = r ] || cmp <(head -c 1048576 data.img) \
            <(seq -f %0511.0f 1000000000 1000002047) || return
        cmp <(tail -c +1048577 data.img) <(tail -c +1048577 pattern.img) || return
    done
    cmp data.img pattern.img && leaves_nothing
}

fills_itself() { # TYPE
    begin
    web "$1" first
    pool=$(chaos pool fill -n 4 first.cfg) && chaos pool set "$pool" -s 4 -l 4 || return
    chaos create -q first.cfg && until_true 20 ready_is 4 && chaos destroy first &&
        until_true 10 no_chaos_runs || return
    leaves_nothing
}
no_chaos_runs() { ! grep -qx chaos /proc/[0-9]*/comm; }

# A shell that cannot be made harms no create, and is told about.
fails_to_fill() { # TYPE
    begin
    ip link add spare0 type bridge && ip link set spare0 up || return
    config "$1" noop 'vif = ["bridge=spare0"]' >noop.cfg
    pool=$(chaos pool fill -n 2 noop.cfg) && chaos pool set "$pool" -s 2 -l 2 || return
    ip link del spare0
    config "$1" noop >plain.cfg
    exits 1 spare0 chaos create -q noop.cfg && until_true 20 tells_of spare0 || return
    chaos pool list
    ip link add spare0 type bridge && ip link set spare0 up || return
    sleep 2.5 # before that it is not tried again
    chaos create -q noop.cfg && until_true 20 ready_is 2 && ! tells_of spare0 || return
    chaos destroy noop
    ip link del spare0
    leaves_nothing
}
tells_of() { chaos pool list --json | grep "\"error\".*$1"; }

# Of four shells three are of no use any more.
ages() { # TYPE
    begin
    web "$1" first
    pool=$(chaos pool fill -n 4 first.cfg) || return
    local domids
    domids=($(chaos list -a | awk '/^\(shell/ { print $2 }'))
    xl destroy "${domids[0]}" 2>/dev/null
    ip link set "vif${domids[1]}.0" nomaster
    truncate -s 1M other.img
    losetup "$(losetup_of "${domids[2]}")" other.img || return
    chaos create -w -t 20 --no-refill first.cfg | tee domid
    local got
    got=$(tail -n 1 domid)
    losetup -D
    [ "$got" = "${domids[3]}" ] && ready_is 0 && leaves_nothing
}
losetup_of() { # DOMID: the loop device under its disk
    local minor
    minor=$(xenstore-read "/local/domain/0/backend/vbd/$1/51712/physical-device")
    echo "/dev/loop$((16#${minor#*:}))"
}

goes_without() { # TYPE: no shell fits, and the guest is what it says
    begin
    web "$1" first
    pool=$(chaos pool fill -n 1 first.cfg) || return
    chaos create -q --no-refill first.cfg memory=3 && [ "$(json "$pool" ready)" = 1 ] &&
        chaos info first | grep 'memory: *3072 KiB' && chaos destroy first &&
        chaos create -q --cold first.cfg && ready_is 1 && leaves_nothing
}

# So many creates at once of one configuration: all must succeed.
all_at_once() { # COUNT CONFIG
    local i pids='' failed=0
    for i in $(seq "$1"); do
        chaos create --no-refill "$2" name="n$i" >"domid.$i" 2>"why.$i" &
        pids="$pids $!"
    done
    for i in $pids; do wait "$i" || failed=$((failed + 1)); done
    cat why.*
    chaos list --json >list.json
    echo "$failed failed, $(json "$pool" ready) shells left"
    [ $failed = 0 ] && ready_is 0 && [ "$(cat domid.* | sort -u | wc -l)" = "$1" ] &&
        [ "$(grep -c '"name": "n' list.json)" = "$1" ]
}

# Half of them find a shell.
at_once() { # TYPE
    begin
    config "$1" noop >noop.cfg
    pool=$(chaos pool fill -n 32 noop.cfg) && all_at_once 64 noop.cfg && leaves_nothing
}

# And each has its own interface, address and loop device.
devices_at_once() { # TYPE
    begin
    rm -f domid.* why.*
    truncate -s 1M shared.img
    config "$1" noop 'vif = [""]' "disk = [\"$work/shared.img,raw,xvda,r\"]" >noop.cfg
    pool=$(chaos pool fill -n 16 noop.cfg) && all_at_once 16 noop.cfg || return
    [ "$(sed -n 's/.*"mac": "\(.*\)".*/\1/p' list.json | sort -u | wc -l)" = 16 ] &&
        [ "$(losetup -a | grep -c shared.img)" = 16 ] && leaves_nothing
}

# Destroyed within the 100 ms in which blkback sees that the disk has got its
# file, and writes to XenStore.
ends_at_once() { # TYPE
    begin
    web "$1" first
    local i
    pool=$(chaos pool fill -n 10 first.cfg) || return
    for i in $(seq 10); do
        chaos create -q --no-refill first.cfg && chaos destroy first || return
    done
    ready_is 0 && leaves_nothing
}

# Xenstored may run in another domain: then the kernel's device leads to it.
# Only these commands don't see its socket.
without_socket() { unshare -m sh -c 'mount -t tmpfs none /run/xenstored && exec "$@"' sh "$@"; }
by_the_device() { # TYPE
    begin
    local i pids='' failed=0
    config "$1" noop 'vif = [""]' >noop.cfg
    for i in $(seq 12); do
        without_socket timeout 60 chaos create -q noop.cfg name="n$i" &
        pids="$pids $!"
    done
    for i in $pids; do wait "$i" || failed=$((failed + 1)); done
    without_socket chaos vif-list n1 n12
    without_socket chaos destroy n1
    echo "$failed failed"
    [ $failed = 0 ] && leaves_nothing
}

# What is made once is made here.
for type in pvh pv; do
    web $type first
    chaos pool fill -n 1 first.cfg >/dev/null && chaos pool drain
done

for type in pvh pv; do
    suite=pools/$type
    check "a shell becomes a guest" becomes_a_guest $type
    check "a shell has the guest's disk" has_its_disk $type
    check "a pool fills itself" fills_itself $type
    check "a pool that can't be filled" fails_to_fill $type
    check "shells that are of no use" ages $type
    check "no shell fits" goes_without $type
    check "destroyed at once" ends_at_once $type
done
suite=pools
check "64 at once, 32 shells" at_once pvh
check "16 at once with devices" devices_at_once pvh
check "12 at once by the kernel's device" by_the_device pvh
