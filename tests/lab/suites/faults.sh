# SPDX-License-Identifier: MIT
# What a create needs is not there, stuck, somebody else's, or goes meanwhile:
# each its exit status, an error that names it and says what to do, and nothing
# is left.  It stops and kills xenstored: for a lab of its own.
. "$(dirname "$0")/../lib.sh"

if [ ! -d /run/job ]; then
    echo "ok - $suite: kills xenstored, which no host survives # SKIP not a lab"
    exit 0
fi

xenstored=$(cat /run/xenstore.pid)
daemon=$(readlink "/proc/$xenstored/exe")
modes="noxs xenstore"
truncate -s 4M disk.img

guest() { # MODE [DISKS]: with an interface and a disk
    config pvh noop "registry = \"$1\"" 'vif = [""]' \
        "${2:-disk = [\"$work/disk.img,raw,xvda,w\"]}" >noop.cfg
}

bare() { # MODE: without devices
    config pvh noop "registry = \"$1\"" >noop.cfg
}

# What can be counted without XenStore, the registry's part included.
host() {
    chaos list -v | grep -c ' chaos$'
    ls /sys/bus/xen-backend/devices "$CHAOS_RUN_DIR"
    losetup -l | wc -l
    ip link | grep -c '^[0-9]'
}

note() {
    host >host.before
    count >before
}

# That all is as it was when it was noted.
clean() { chaos list >/dev/null && same_again 15 && same_host; }
same_host() { host | diff host.before -; }

# It fails so, and nothing is left.
refused() { # STATUS TEXT [OVERRIDE]...
    note
    exits "$1" "$2" chaos create noop.cfg "${@:3}" && gone noop && clean
}

works() { # what failed before
    chaos create noop.cfg && chaos destroy noop && clean
}

# --------------------------------------------- bridges, drivers and disks

no_bridge() { # MODE
    guest "$1"
    refused 1 "bridge=nowhere: no such interface; make it" 'vif=["bridge=nowhere"]'
}

bridge_goes() { # MODE: when the create has looked at it
    guest "$1"
    note
    ip link add gone0 type bridge
    printf '#!/bin/sh\nip link delete gone0 2>/dev/null\nexit 0\n' >script
    chmod +x script
    exits 1 "vif 0: bridge=gone0: no such interface" chaos create noop.cfg \
        "vif=['bridge=gone0', 'bridge=xenbr0,script=$work/script']" && gone noop && clean
}

no_driver() { # MODULE KIND
    rmmod "$1" || return
    guest xenstore
    refused 1 "no $2 back end; load its module (modprobe ${1/_/-})"
    local rc=$?
    insmod "/lib/boot-modules/${1/_/-}.ko" && [ $rc = 0 ] && works
}

driver_does_not_bind() { # MODE
    local probe=/sys/bus/xen-backend/drivers_autoprobe rc
    guest "$1"
    echo 0 >$probe
    refused 5 "vbd 51712: the back end did not connect in time" 'vif=[]'
    rc=$?
    echo 1 >$probe
    [ $rc = 0 ] && works
}

another_guests_disk() { # MODE
    guest "$1"
    note
    chaos create noop.cfg name=first &&
        exits 1 "disk xvda of first is on the same file or device" chaos create noop.cfg &&
        gone noop && chaos destroy first && clean
}

dom0s_device() { # MODE: swapped to, for which the kernel has it as if mounted
    local device rc
    note
    device=$(losetup -f --show disk.img) && mkswap "$device" && swapon "$device" || return
    guest "$1" "disk = [\"$device,raw,xvda,w\"]"
    exits 1 "disk xvda: $device: in use in dom0" chaos create noop.cfg && gone noop
    rc=$?
    swapoff "$device" || return
    [ $rc = 0 ] && chaos create noop.cfg && chaos destroy noop
    rc=$?
    # A back end may have it for a moment.
    losetup -d "$device"
    [ $rc = 0 ] && clean
}

dom0s_file_system() { # MODE: a guest may read it while dom0 doesn't write
    local device rc
    note
    device=$(losetup -f --show disk.img) && mkdir -p mounted || return
    guest "$1" "disk = [\"$device,raw,xvda,r\"]"
    mke2fs "$device" && modprobe crc32c_generic && modprobe ext4 && mount -t ext4 "$device" mounted &&
        exits 1 "disk xvda: $device: mounted in dom0" chaos create noop.cfg && gone noop &&
        mount -o remount,ro mounted && chaos create noop.cfg && chaos destroy noop
    rc=$?
    until_true 10 umount mounted
    losetup -d "$device"
    [ $rc = 0 ] && clean
}

# ------------------------------------------------------ xenstored is stuck

# It is stopped while the create is in its middle: by a script that is run then.
stops() { # MODE
    note
    rm -f stopped
    cat >script <<END
#!/bin/sh
[ -e $work/stopped ] || kill -STOP $xenstored
>$work/stopped
END
    chmod +x script
    guest "$1"
    exits 5 "is xenstored stuck?" chaos create noop.cfg "vif=['script=$work/script']"
    local rc=$?
    [ -e stopped ] || rc=1
    # What has nothing to do with XenStore works.
    [ $rc = 0 ] && exits 0 "is xenstored stuck?" chaos list
    rc=$?
    kill -CONT "$xenstored"
    [ $rc = 0 ] && gone noop && clean && works
}

is_stuck() { # MODE
    note
    guest "$1"
    kill -STOP "$xenstored"
    exits 5 "is xenstored stuck?" chaos create noop.cfg
    local rc=$?
    kill -CONT "$xenstored"
    [ $rc = 0 ] && gone noop && clean && works
}

# ------------------------------------------------------------ other writers

# To the same directory, in and out of transactions, until it is told: who kills
# it leaves the command that it runs, which writes once more.
write_all_the_time() {
    rm -f enough
    until [ -e enough ]; do
        xenstore-write /local/domain/faults 1 /local/domain/more 2
        xenstore-rm /local/domain/faults
        xenstore-rm /local/domain/more
    done
}

others_write() {
    local i rc=0 writer
    bare xenstore
    note
    write_all_the_time >/dev/null 2>&1 &
    writer=$!
    for i in $(seq 10); do
        chaos create -q noop.cfg name="g$i" && chaos rename "g$i" "h$i" &&
            chaos shutdown "h$i" && chaos destroy "h$i" || { rc=1; break; }
    done
    touch enough
    wait $writer
    [ $rc = 0 ] && clean
}

for mode in $modes; do
    check "$mode: a bridge that does not exist" no_bridge $mode
    check "$mode: a bridge that goes meanwhile" bridge_goes $mode
    check "$mode: another guest's disk" another_guests_disk $mode
    check "$mode: a device that dom0 uses" dom0s_device $mode
    check "$mode: a device that dom0 has mounted" dom0s_file_system $mode
done
check "no netback" no_driver xen_netback vif
check "no blkback" no_driver xen_blkback vbd
check "a driver that does not bind" driver_does_not_bind xenstore
check "noxs: xenstored is stuck amid a create" stops noxs
check "xenstore: xenstored is stuck" is_stuck xenstore
check "others write to XenStore all the time" others_write

# ---------------------------------------------------------- xenstored dies

has_died() {
    local mode
    bare xenstore
    chaos create noop.cfg name=old || return
    kill -9 "$xenstored"
    until_true 5 eval '! kill -0 $xenstored'
    host >host.before
    for mode in $modes; do
        guest $mode
        exits 1 "nobody listens at /var/run/xenstored/socket" chaos create noop.cfg &&
            gone noop || return
    done
    bare noxs
    chaos create noop.cfg && chaos destroy noop || return
    chaos list | grep '^old ' && until_true 5 same_host
}

# A new one knows nothing, and dom0's kernel does not know the new one.
start_again() { # [OPTION]...
    XENSTORED_ROOTDIR=/run/xenstored "$daemon" --pid-file /run/xenstore.pid "$@" &&
        until_true 5 xenstore-read -s / && xen-init-dom0 >/dev/null &&
        xenstored=$(cat /run/xenstore.pid)
}

# Options for next to no room, which dom0 is not held to.
small_quota() {
    case $daemon in
    *oxenstored)
        sed -E 's/^(quota-maxentity|quota-transaction) *=.*/\1 = 1/' \
            /etc/xen/oxenstored.conf >quota.conf
        echo "--config-file $work/quota.conf"
        ;;
    *) echo "--entry-nb=1 --transaction=1" ;;
    esac
}

is_started_again() {
    local mode
    # shellcheck disable=SC2046
    start_again $(small_quota) || return
    chaos list >/dev/null
    for mode in $modes; do
        guest $mode
        refused 5 "vif 0: dom0's kernel does not see the device in XenStore" &&
            bare $mode && works || return
    done
    exits 1 "guest old runs, and XenStore does not know it" chaos shutdown old &&
        chaos destroy old && gone old
}

check "xenstored has died" has_died
check "xenstored is started again" is_started_again
