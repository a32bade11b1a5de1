# SPDX-License-Identifier: MIT
# Devices that come to running guests, and go: what the guest does with them,
# what xl sees of them, and what is left.
. "$(dirname "$0")/../lib.sh"

console_log=/var/log/xen/console/guest-linux.log
mac=00:16:3e:0a:00:01
seq -f %0511.0f 0 8191 >pattern.img

boot_linux() { # without a device; or it runs already
    ! chaos domid linux >/dev/null 2>&1 || return 0
    cat >linux.cfg <<END
name = "linux"
type = "$type"
kernel = "$CHAOS_ROOT/build/lab/guest-vmlinux"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet"
memory = 160
END
    rm -f $console_log
    chaos create -q linux.cfg && says 'guest: up'
}

says() { # TEXT
    until_true 120 grep -qa "$1" $console_log || { tail $console_log; return 1; }
}

# Has the guest run a line, which its console echoes.  The end of its input does not end a console, and
# timeouts differ in their status.
tell() { # LINE
    echo "$1" | timeout 5 chaos console linux >/dev/null
    true
}

backend() { xenstore-read "/local/domain/0/backend/$1/$(chaos domid linux)/$2/$3"; }
no_nodes() { # TYPE: not one of its devices
    ! xenstore-ls -f | grep -E "/$1/$(chaos domid linux)|/$(chaos domid linux)/device/$1"
}
no_loop() { [ -z "$(losetup -l | grep "$work")" ]; }

# But for what the front end in the guest says of itself.
lists_are_the_same() { # though not what they are called
    xl network-list linux | cut -c 1-37 >xl.out && chaos vif-list linux | cut -c 1-37 >chaos.out &&
        xl block-list linux | cut -c 1-22 >>xl.out && chaos block-list linux | cut -c 1-22 >>chaos.out &&
        diff xl.out chaos.out
}
connected() { [ "$(backend "$@" state)" = 4 ]; }

answers() { # by an interface that has just come
    until_true 20 connected vif "$1" || return
    tell "ip link set eth0 up; ip addr add 10.0.120.9/24 dev eth0; ping -c 1 10.0.120.1 && echo pin''ged $1"
    says "^pinged $1" && until_true 20 ping -c 1 -W 1 10.0.120.9 || { tail -30 $console_log; return 1; }
}

network() {
    boot_linux && count >before || return
    local domid
    domid=$(chaos domid linux)
    exits 0 '' chaos network-attach linux mac=$mac bridge=xenbr0 || return
    [ "$(basename "$(readlink "/sys/class/net/vif$domid.0/master")")" = xenbr0 ] &&
        answers 0 && lists_are_the_same && xl network-list linux | grep "^0 .* $mac " &&
        chaos list --json | grep "$mac" || return
    # There it is; and it goes.
    exits 1 "no interface 7" chaos network-detach linux 7 &&
        exits 4 "$mac" chaos network-attach linux mac=$mac &&
        exits 4 "devid=0" chaos network-attach linux devid=0 &&
        exits 1 "no such interface" chaos network-attach linux bridge=nobridge &&
        exits 1 'mac=zz: not a MAC address' chaos network-attach linux mac=zz &&
        exits 0 '' chaos network-detach linux $mac &&
        no_nodes vif && lists_are_the_same && same_again 10 || return
    # Another one, under a number of its own.
    chaos network-attach linux devid=3 && answers 3 && lists_are_the_same &&
        chaos network-detach linux 3 && no_nodes vif && same_again 10
}

disk() {
    cp pattern.img disk.img && boot_linux && count >before || return
    exits 0 '' chaos block-attach linux format=raw "target=$work/disk.img" vdev=xvdb &&
        until_true 20 connected vbd 51728 && lists_are_the_same && xl block-list linux | grep '^51728 ' || return
    # The guest has a disk when it knows its size.
    tell "until grep -qv '^0' /sys/block/xvdb/size; do sleep 1; done; echo re''ad \$(dd if=/dev/xvdb bs=512 count=64 | md5sum)"
    says "read $(head -c 32768 pattern.img | md5sum | cut -d ' ' -f 1)" || return
    tell "tr '\\0' x </dev/zero | dd of=/dev/xvdb bs=4096 seek=16 count=16 conv=fsync && echo writ''ten"
    says '^written' && losetup -l | grep disk.img || return
    # Others can't have it.
    config pvh noop "disk = [\"$work/disk.img,raw,xvda,w\"]" >noop.cfg
    exits 1 "disk xvdb of linux" chaos create noop.cfg &&
        exits 1 "of this guest" chaos block-attach linux "$work/disk.img" raw xvdc w &&
        exits 4 "vdev=xvdb" chaos block-attach linux "$work/pattern.img,raw,xvdb,r" &&
        exits 1 "no disk xvdc" chaos block-detach linux xvdc &&
        exits 1 "nothing.img" chaos block-attach linux "$work/nothing.img,raw,xvdc,r" || return
    exits 0 '' chaos block-detach linux xvdb && no_nodes vbd && until_true 5 no_loop &&
        lists_are_the_same && same_again 10 || return
    cmp <(tr '\0' x </dev/zero | head -c 65536) <(tail -c +65537 disk.img | head -c 65536) &&
        cmp <(head -c 65536 pattern.img) <(head -c 65536 disk.img) &&
        cmp <(tail -c +131073 pattern.img) <(tail -c +131073 disk.img)
}

# A front end that is still connecting would write of its error into XenStore;
# and Linux looks for partitions in the one thread that looks at XenStore, for
# ever if the disk is taken from it meanwhile.
attach_and_pause() { # NTH TIME
    chaos block-attach linux "$work/disk.img,raw,xvdc,r" && until_true 20 connected vbd 51744 || return
    tell "until grep -qv '^0' /sys/block/xvdc/size; do sleep 1; done; dd if=/dev/xvdc count=1 >/dev/null && echo look''ed $1"
    says "^looked $1" && chaos pause linux
}

# A guest that stands still lets go of nothing.
stubborn() {
    boot_linux && count >before || return
    chaos network-attach linux && attach_and_pause 1 || return
    exits 5 "does not let go of disk" chaos block-detach linux xvdc &&
        chaos block-list linux | grep '^51744 ' && chaos list | grep '^linux ' || return
    # What it was asked for, it does when it goes on.
    chaos unpause linux && exits 0 '' chaos block-detach linux xvdc && until_true 5 no_loop || return
    attach_and_pause 2 &&
        exits 0 '' chaos block-detach --force linux xvdc && no_nodes vbd && until_true 5 no_loop &&
        exits 0 'it is taken away' chaos network-detach linux 0 && no_nodes vif || return
    # The guest, which has not noticed, would not look at another one with that number.
    chaos network-attach linux && chaos vif-list linux | grep '^1 ' && chaos unpause linux &&
        answers 1 && chaos network-detach linux 1 && same_again 10
}

with_script() {
    boot_linux && count >before || return
    cat >script <<END
#!/bin/sh
echo "\$1" >>$work/calls
exec /etc/xen/scripts/vif-bridge "\$@"
END
    chmod +x script && rm -f calls
    exits 0 "script=$work/script is run" chaos network-attach linux devid=2 "script=$work/script" &&
        answers 2 && chaos network-detach linux 2 && [ "$(cat calls)" = "$(printf 'online\noffline')" ] &&
        same_again 10
}

destroyed() {
    count >before
    boot_linux && chaos network-attach linux && answers 0 &&
        chaos block-attach linux "$work/disk.img,raw,xvdb,r" && chaos network-attach linux &&
        chaos destroy linux && same_again 15
}

# The guest that comes after it has what this one had.
restarts() {
    boot_linux || return
    local was
    was=$(chaos domid linux)
    chaos network-attach linux devid=3 && chaos network-attach linux mac=$mac devid=5 &&
        chaos network-detach linux 3 && chaos block-attach linux "$work/disk.img,raw,xvdb,r" || return
    rm -f $console_log
    chaos reboot linux &&
        until_true 60 eval 'chaos list >/dev/null; [ "$(chaos domid linux)" != '"$was"' ]' &&
        says 'guest: up' && grep -a "guest: eth0 $mac" $console_log &&
        grep -a 'guest: xvdb 8192 sectors' $console_log && [ "$(backend vif 5 mac)" = $mac ] &&
        lists_are_the_same
}

recovered() { # with what came to it
    rm -rf "$CHAOS_RUN_DIR"
    chaos recover && lists_are_the_same && chaos vif-list linux | grep "^5 .* $mac " &&
        chaos block-list linux | grep '^51728 ' && chaos network-detach linux $mac &&
        chaos block-attach linux "$work/pattern.img,raw,xvdc,r" &&
        until_true 20 lists_are_the_same # the guest connects meanwhile
}

not_for_noxs() {
    config pvh noop >noop.cfg && chaos create noop.cfg || return
    exits 1 "does not use XenStore" chaos network-attach noop &&
        exits 1 "does not use XenStore" chaos network-detach noop 0 &&
        exits 1 "does not use XenStore" chaos block-attach noop "$work/disk.img,raw,xvda,r" &&
        exits 1 "does not use XenStore" chaos block-detach noop xvda &&
        exits 2 "a guest and its disk" chaos block-attach noop &&
        exits 3 "no guest" chaos network-attach nobody && chaos destroy noop
}

not_for_xl() {
    config pvh noop 'name = "xl-noop"' 'shadow_memory = 1' | grep -v '^name = "noop"' >xl.cfg
    xl create -q xl.cfg || return
    exits 1 "not made by chaos" chaos network-attach xl-noop
    local rc=$?
    xl destroy xl-noop
    return $rc
}

cp pattern.img disk.img
for type in $TYPES; do
    suite=hotplug/$type
    check "destroyed with devices that came" destroyed
    check "an interface comes and goes, and another" network
    check "a disk comes and goes" disk
    check "a guest that does not let go" stubborn
    check "a script of the user's own" with_script
    check "a restart" restarts
    check "recovered" recovered
    check "ends" eval 'chaos destroy linux && until_true 10 no_loop'
done
suite=hotplug
check "noxs guests are refused" not_for_noxs
check "xl's guests are refused" not_for_xl
