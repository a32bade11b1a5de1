# SPDX-License-Identifier: MIT
# Guests that know only XenStore: a Debian kernel with the xl.cfg that a user
# has, under chaos and beside xl.
. "$(dirname "$0")/../lib.sh"

address=10.0.120.9
truncate -s 16M disk.img

linux() { # TYPE [LINE]...: an xl.cfg
    local type=$1
    shift
    cat <<END
name = "linux"
type = "$type"
kernel = "${kernel:-$CHAOS_ROOT/build/lab/guest-vmlinux}"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet address=$address/24"
memory = 160
vif = ["mac=00:16:3e:01:02:03,bridge=xenbr0"]
disk = ["format=raw,vdev=xvda,access=rw,target=$work/disk.img"]
END
    for line in "$@"; do echo "$line"; done
}

console_log=/var/log/xen/console/guest-linux.log

says() { # TEXT: the guest, on its console, which xenconsoled keeps
    until_true 180 grep -q "$1" $console_log || { tail $console_log; return 1; }
}

start() { # TYPE [LINE]...
    rm -f $console_log
    linux "$@" >linux.cfg
    chaos create -q linux.cfg
}

answers() { until_true 20 ping -c 1 -W 1 $address; }

# All that a guest does with its devices, and that nothing is left of it.
lives() { # TYPE
    local kernel=/boot/vmlinuz
    count >before
    start "$1" || return
    says 'guest: up' && grep -q 'guest: eth0 00:16:3e:01:02:03' $console_log &&
        grep -q 'guest: xvda 32768 sectors' $console_log && answers || return
    xl list | grep -q '^linux ' || { xl list; return 1; }
    chaos list | grep '^linux ' || return
    [ "$(xl list | sed -n 's/^\(linux.*\) [-a-z]*\t.*/\1/p')" = \
        "$(chaos list | sed -n 's/^\(linux.*\) [-a-z]*\t.*/\1/p')" ] || return
    chaos shutdown --wait --timeout 40 linux || return
    grep -q 'guest: poweroff' $console_log && gone linux && same_again 10
}

reboots() { # TYPE
    start "$1" && says 'guest: up' || return
    local domid
    domid=$(chaos domid linux)
    rm -f $console_log
    chaos reboot linux || return
    # Its end is seen to by the next command.
    until_true 40 eval 'chaos list >/dev/null; [ "$(chaos domid linux)" != '"$domid"' ]' &&
        until_true 180 answers && chaos destroy linux
}

# The back ends are amid their handshake at one of these moments.
destroyed_any_time() { # TYPE
    local ms
    count >before
    for ms in 0 400 800 1200 1600 2000; do
        start "$1" || return
        sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
        chaos destroy linux || return
    done
    same_again 15
}

console() { # TYPE
    start "$1" && says 'guest: up' || return
    rm -f in && mkfifo in
    (exec 3>in; sleep 1; echo 'echo $((6 * 7)); poweroff -f' >&3
     until_true 30 grep -q '^42' out) >/dev/null &
    timeout 60 chaos console linux <in >out 2>&1
    cat out
    grep -q '^42' out && gone linux
}

# Two guests take what a pool has, one after the other.
from_a_shell() { # TYPE
    local vif='vif = ["bridge=xenbr0"]'
    local path=/local/domain/0/backend/vbd
    local disks="disk = [\"format=raw,vdev=xvda,access=rw,target=$work/disk.img\",
\"format=raw,vdev=xvdb,access=ro,target=$work/read.img\"]"
    truncate -s 1M read.img
    count >before
    linux "$1" "$vif" "$disks" >linux.cfg
    chaos pool fill -n 2 linux.cfg >/dev/null || return
    xl list # shells are introduced and have no name
    rm -f $console_log
    chaos create -v linux.cfg --no-refill 2>said || { cat said; return 1; }
    grep 'takes a shell' said && says 'guest: up' &&
        grep -q 'guest: xvda 32768 sectors' $console_log &&
        grep -q 'guest: xvdb 2048 sectors' $console_log && answers || return
    [ "$(xenstore-read $path/"$(chaos domid linux)"/51712/feature-flush-cache)" = 1 ] &&
        chaos shutdown --wait --timeout 40 linux || return
    rm -f $console_log
    uuid=7c1f6d3e-2b0a-4f55-9e1d-5a0c8b64e2f1
    chaos create -v linux.cfg --no-refill "uuid=$uuid" \
        'vif=["mac=00:16:3e:0a:0b:0c"]' 2>said || { cat said; return 1; }
    grep 'takes a shell' said && says 'guest: eth0 00:16:3e:0a:0b:0c' && answers &&
        [ "$(xenstore-read /vm/$uuid/name)" = linux ] &&
        chaos destroy linux && chaos pool drain && same_again 15
}

# Of two, whether chaos's or xl's: the second is told.
one_reader() {
    local first pid rc=0
    start pvh && says 'guest: up' || return
    rm -f in && mkfifo in
    for first in chaos xl; do
        $first console linux <>in >/dev/null 2>&1 & # a fifo that it holds open itself
        pid=$!
        until_true 10 test -e "/var/lock/xenconsole.$(chaos domid linux)" &&
            exits 1 "being read by another process" chaos console linux &&
            exits 11 "Could not lock" xl console linux || rc=1
        kill $pid
        wait $pid
    done
    chaos destroy linux
    return $rc
}

says_which() {
    config pvh hello >hello.cfg
    exits 0 '# registry: noxs, as the image has a note' chaos create -n hello.cfg &&
        exits 0 '# registry: xenstore, as the configuration says so' \
            chaos create -n --registry xenstore hello.cfg &&
        kernel=/boot/vmlinuz linux pvh >linux.cfg &&
        exits 0 '# registry: xenstore, as the image is compressed' \
            chaos create -n linux.cfg &&
        exits 1 'does not speak noxs' chaos create --registry noxs linux.cfg &&
        exits 1 'no such registry' chaos create --registry yes linux.cfg
}

recovered() { # TYPE
    start "$1" && says 'guest: up' || return
    rm -rf "$CHAOS_RUN_DIR"
    chaos recover || return
    chaos list | grep '^linux ' && chaos shutdown --wait --timeout 40 linux && gone linux
}

for type in pvh pv; do
    check "$type: network, disk, lists, shutdown, nothing left" lives $type
    check "$type: reboot" reboots $type
    check "$type: destroyed at any time" destroyed_any_time $type
    check "$type: console by xenconsoled" console $type
    check "$type: from a shell" from_a_shell $type
    check "$type: recovered" recovered $type
done
check "a console has one reader" one_reader
check "create -n says which registry and why" says_which
