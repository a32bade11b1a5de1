# SPDX-License-Identifier: MIT
# Beside xl: what one has made the other shows and ends, and nothing is left.
. "$(dirname "$0")/../lib.sh"

truncate -s 16M disk.img

# A Debian guest of xl's, with an interface and a disk that is a file.
linux_config() { # TYPE
    cat >linux.cfg <<END
name = "linux"
type = "$1"
kernel = "$CHAOS_ROOT/build/lab/guest-vmlinux"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet"
memory = 256
vif = ["mac=00:16:3e:01:02:03,bridge=xenbr0"]
disk = ["$work/disk.img,raw,xvda,w"]
END
}

noxs_config() { # TYPE
    config "$1" noop 'vif = [""]' "disk = [\"$work/disk.img,raw,xvda,w\"]" >noop.cfg
}

connected() { # DOMID
    [ "$(xenstore-read "/local/domain/0/backend/vif/$1/0/state")" = 4 ] &&
        [ "$(xenstore-read "/local/domain/0/backend/vbd/$1/51712/state")" = 4 ]
}

# A check runs in a process of its own, and may find what another has left.
end_linux() {
    local id
    id=$(xl domid linux 2>/dev/null) && xl destroy "$id" 2>/dev/null
    until_true 90 nothing_of "${id:-none}"
}

xl_starts() { # TYPE
    linux_config "$1"
    xl create -q linux.cfg && domid=$(xl domid linux) && until_true 120 connected "$domid"
}

nothing_of() { # DOMID
    ! xenstore-ls -f | grep -E "/(domain|libxl|vif|vbd|console)/$1( |/)" &&
        ! ls /var/lib/xen | grep "^userdata-.\.$1\." &&
        ! losetup -l | grep "$work" && ! ip link | grep "vif$1\." &&
        ! ps | grep '[x]l create -q'
}

# Each once before it counts: xenstored and dom0's kernel keep some of the
# first of a kind.
warm_up() {
    xl_starts pvh && chaos destroy linux && until_true 10 nothing_of "$domid" || return
    noxs_config pvh
    chaos create noop.cfg && xl destroy "$(chaos domid noop)" && chaos list
}

chaos_destroys() { # TYPE
    end_linux && count >before || return
    xl_starts "$1" || return
    exits 0 "" chaos destroy linux || return
    until_true 10 nothing_of "$domid" && same_again 20 && gone linux
}

chaos_destroys_paused() { # TYPE
    end_linux && count >before || return
    linux_config "$1"
    xl create -q -p linux.cfg && domid=$(xl domid linux) || return
    exits 0 "" chaos destroy "$domid" || return
    until_true 10 nothing_of "$domid" && same_again 20
}

chaos_shows() { # TYPE
    end_linux && xl_starts "$1" || return
    [ "$(chaos domid linux)" = "$domid" ] || return
    [ "$(chaos domname "$domid")" = linux ] || return
    chaos list -v | grep "^linux .* other$" || return
    chaos info --json linux | grep '"chaos": false' || return
    chaos info linux | grep "xvda, w, $work/disk.img by /dev/loop" || return
    xl network-list linux >xl.out
    chaos vif-list linux >chaos.out
    # Columns for state: xl tells the front end's.
    diff xl.out chaos.out || return
    xl block-list linux >xl.out
    chaos block-list linux >chaos.out
    diff xl.out chaos.out
}

chaos_has_its_console() {
    rm -f in && mkfifo in
    chaos console linux <>in >typed 2>&1 & # a fifo that it holds open itself
    local pid=$!
    until_true 120 eval 'echo "echo sa\"\"id" >in; sleep 1; grep -qa ^said typed'
    local rc=$?
    kill $pid
    wait $pid
    [ $rc = 0 ] || cat typed
    return $rc
}

chaos_pauses() {
    chaos pause linux && xl list linux | grep -- 'p---' || return
    chaos unpause linux && ! xl list linux | grep -- 'p---' || return
    exits 5 "still runs" chaos wait -t 1 linux || return
    exits 1 "made by chaos" chaos rename linux other
}

refuses() { # TYPE
    local domid
    domid=$(xl domid linux) || return
    xenstore-write "/libxl/$domid/type" hvm
    exits 1 "xl destroy $domid" chaos destroy linux || return
    xenstore-write "/libxl/$domid/type" "$1"
    exits 1 "dom0" chaos destroy 0 && exits 1 "dom0" chaos pause Domain-0 &&
        state_is linux blocked
}

chaos_shuts_down() {
    local domid
    domid=$(xl domid linux) || return
    exits 0 "" chaos shutdown -w -t 60 linux || return
    # xl's own process does the rest.
    until_true 90 nothing_of "$domid"
}

xl_destroys() { # TYPE
    end_linux && noxs_config "$1" && count >before || return
    domid=$(chaos create noop.cfg) || return
    until_true 20 state_is noop blocked || return
    xl destroy "$domid" && chaos list && gone noop || return
    until_true 10 nothing_of "$domid" && same_again 20 || return
    # Its disk and its slot are free.
    domid=$(chaos create noop.cfg) && chaos destroy noop && same_again 20
}

# The same of one that speaks to XenStore, which xl knows by its name.
xl_destroys_linux() { # TYPE
    end_linux && linux_config "$1" && count >before || return
    domid=$(chaos create linux.cfg) && until_true 120 connected "$domid" || return
    xl destroy linux && chaos list && gone linux || return
    until_true 10 nothing_of "$domid" && same_again 20 || return
    domid=$(chaos create linux.cfg) && chaos destroy linux && same_again 20
}

# The same file under xl then, with a UUID: what XenStore has by that is xl's.
leaves_the_uuid() { # TYPE
    local uuid=12345678-1234-4321-8abc-123456789abc
    config "$1" noop "uuid = \"$uuid\"" 'shadow_memory = 1' 'registry = "xenstore"' >noop.cfg
    chaos create noop.cfg && xl destroy noop && xl create -q noop.cfg || return
    # Its slot is cleared away only now.
    chaos list && xenstore-read "/vm/$uuid/name" && xl uptime noop | grep '^noop ' || return
    domid=$(xl domid noop) && chaos destroy noop && until_true 10 nothing_of "$domid" &&
        ! xenstore-exists "/vm/$uuid"
}

# Nobody has written what xl looks for: who made them does not do that.
publishes_for_others() { # TYPE
    config "$1" noop >noop.cfg
    config "$1" noop 'registry = "xenstore"' >stock.cfg
    "$CHAOS_ROOT/build/bench/many" create 1 1 noop.cfg >ns &&
        "$CHAOS_ROOT/build/bench/many" create 2 1 stock.cfg >ns || return
    ! xl domid guest1 && ! xenstore-exists "/libxl/$(xl domid guest2)/type" || return
    sleep 7
    chaos list && xl domid guest1 && xenstore-read "/libxl/$(xl domid guest2)/type" &&
        chaos destroy guest1 guest2
}

# What xl's guest has is not a guest's of chaos's as well.
keeps_to_its_own() { # TYPE
    end_linux && count >before || return
    xl_starts "$1" || return
    exits 4 "another toolstack's, is called linux" chaos create linux.cfg || return
    noxs_config "$1"
    exits 1 "disk xvda: $work/disk.img: /dev/loop" chaos create noop.cfg || return
    exits 1 "has it open, perhaps for another toolstack's guest" chaos create noop.cfg ||
        return
    sed -i 's/,w"/,r"/' noop.cfg
    exits 1 "has it open for writing" chaos create noop.cfg && gone noop || return
    # Its user knows better.
    sed -i 's/,r"/,w!"/' noop.cfg
    chaos create noop.cfg && chaos destroy noop || return
    xl destroy linux && until_true 10 nothing_of "$domid" || return
    noxs_config "$1"
    chaos create noop.cfg && chaos destroy noop && same_again 20
}

# A block device, which the kernel does not tell of.
keeps_from_its_device() { # TYPE
    local device rc
    end_linux && noxs_config "$1" && truncate -s 16M other.img &&
        device=$(losetup -f --show other.img) || return
    linux_config "$1"
    sed -i "s|$work/disk.img|$device|" linux.cfg
    xl create -q linux.cfg && domid=$(xl domid linux) && until_true 120 connected "$domid" &&
        sed "s|$work/disk.img|$device|" noop.cfg >device.cfg &&
        exits 1 "disk xvda: $device is disk xvda of domain $domid" chaos create device.cfg &&
        chaos create noop.cfg && chaos destroy noop && xl destroy linux &&
        until_true 10 nothing_of_but_loops "$domid" &&
        chaos create device.cfg && chaos destroy noop
    rc=$?
    end_linux
    losetup -d "$device"
    return $rc
}
nothing_of_but_loops() { # DOMID
    ! xenstore-ls -f | grep -E "/(domain|libxl|vif|vbd|console)/$1( |/)"
}

# A program of dom0's.
keeps_from_a_writer() { # TYPE
    noxs_config "$1"
    exec 9<>disk.img
    exits 1 "disk xvda: $work/disk.img: a program has it open" chaos create noop.cfg
    local rc=$?
    exec 9<disk.img
    [ $rc = 0 ] && chaos create noop.cfg && chaos destroy noop
    rc=$?
    exec 9<&-
    return $rc
}

check "each of them once" warm_up
for type in $TYPES; do
    check "$type: chaos shows a guest of xl's" chaos_shows $type
    check "$type: chaos has its console" chaos_has_its_console
    check "$type: chaos pauses and waits for it" chaos_pauses
    check "$type: what chaos refuses" refuses $type
    check "$type: chaos has it power off" chaos_shuts_down
    check "$type: chaos keeps from its name and its disk" keeps_to_its_own $type
    check "$type: and from its block device" keeps_from_its_device $type
    check "$type: and from what a program writes to" keeps_from_a_writer $type
    check "$type: chaos destroys a guest of xl's" chaos_destroys $type
    check "$type: chaos destroys one that has not run" chaos_destroys_paused $type
    check "$type: xl destroys a noxs guest" xl_destroys $type
    check "$type: xl destroys a guest that speaks to XenStore" xl_destroys_linux $type
    check "$type: xl makes the same guest, with its UUID" leaves_the_uuid $type
    check "$type: xl sees guests that nobody has published" publishes_for_others $type
done
