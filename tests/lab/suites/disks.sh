# SPDX-License-Identifier: MIT
# disk=: what guests read and write, who may, and what is left behind.
. "$(dirname "$0")/../lib.sh"

sectors=8192
seq -f %0511.0f 0 $((sectors - 1)) >pattern.img
fresh() { cp pattern.img disk.img; }

disk_config() { # TYPE ACCESS [LINE]...: blkcheck on disk.img
    config "$1" blkcheck "disk = [\"$work/disk.img,raw,xvda,$2\"]" "${@:3}" >blkcheck.cfg
}

runs_blkcheck() { # shows what it said
    timeout 60 chaos create -c blkcheck.cfg >out 2>&1
    cat out
}

verifies() { # its sectors are there, and what it writes is in the file
    fresh && disk_config "$1" w && runs_blkcheck
    grep -q "xvda $sectors sectors: verified" out && gone blkcheck || return
    until_true 5 no_loop
    seq -f %0511.0f 1000000000 1000002047 | cmp - <(head -c 1048576 disk.img) &&
        cmp <(tail -c +1048577 pattern.img) <(tail -c +1048577 disk.img)
}
no_loop() { [ -z "$(losetup -l | grep "$work")" ]; }

reads_only() { # and nobody needs the guest's word for it
    fresh && disk_config "$1" r && runs_blkcheck
    grep -q "xvda $sectors sectors: verified" out && gone blkcheck &&
        cmp pattern.img disk.img || return
    chaos create -p blkcheck.cfg || return
    losetup -l -O NAME,RO,BACK-FILE | grep disk.img
    losetup -l -O RO,BACK-FILE | grep -q "^ *1 .*disk.img" &&
        [ "$(xenstore-read "/local/domain/0/backend/vbd/$(chaos domid blkcheck)/51712/mode")" = r ] &&
        chaos destroy blkcheck && until_true 5 no_loop
}

finds_a_fault() { # so that "verified" means something
    fresh && printf x | dd of=disk.img bs=1 seek=700000 conv=notrunc 2>/dev/null
    disk_config "$1" r && runs_blkcheck
    grep -q "sector 1367" out && gone blkcheck
}

two_disks() {
    fresh && cp pattern.img other.img
    config "$1" blkcheck \
        "disk = [\"$work/disk.img,raw,xvda,w\", \"$work/other.img,raw,xvdb,r\"]" >blkcheck.cfg
    runs_blkcheck
    grep -q "xvda $sectors sectors: verified" out && grep -q "xvdb $sectors sectors: verified" out
}

block_device() { # a loop device of ours is one too
    fresh
    local device rc
    device=$(losetup -f --show disk.img) || return
    config "$1" blkcheck "disk = [\"phy:$device,xvda,w\"]" >blkcheck.cfg
    runs_blkcheck
    grep -q "xvda $sectors sectors: verified" out
    rc=$?
    until_true 5 gone blkcheck
    until_true 5 losetup -d "$device"
    return $rc
}

noop_with() { # NAME ACCESS
    config pvh noop "disk = [\"$work/disk.img,raw,xvda,$2\"]" | sed "s/^name.*/name = \"$1\"/" >"$1.cfg"
    chaos create "$1.cfg"
}

sharing() { # FIRST SECOND: may both?
    fresh && noop_with first "$1" || return
    noop_with second "$2"
    local rc=$?
    chaos destroy first
    [ $rc != 0 ] || chaos destroy second
    until_true 5 no_loop
    return $rc
}
refused() {
    exits 1 "is on the same file or device, and one of them writes" sharing "$@"
}

same_file_by_another_path() {
    fresh && ln -sf disk.img link.img && noop_with first w || return
    config pvh noop "disk = [\"$work/link.img,raw,xvda,w\"]" >noop.cfg
    exits 1 "disk xvda of first" chaos create noop.cfg && chaos destroy first
}

bad_disks() {
    exits 1 "nothing.img" chaos create noop.cfg "disk=[\"$work/nothing.img,raw,xvda,w\"]" &&
        : >empty.img &&
        exits 1 "smaller than a sector" chaos create noop.cfg "disk=[\"$work/empty.img,raw,xvda,w\"]" &&
        exits 1 "neither a file nor a block device" chaos create noop.cfg 'disk=["/dev/null,raw,xvda,w"]' &&
        exits 1 "qcow2" chaos create noop.cfg "disk=[\"$work/disk.img,qcow2,xvda,w\"]" &&
        gone noop && no_loop && no_nodes
}
no_nodes() { ! xenstore-ls -f | grep -E '/(vif|vbd)/[0-9]|^/local/domain/[1-9]'; }

relative_path_restarts() { # from another directory
    fresh && config "$1" noop 'disk = ["disk.img,raw,xvda,w"]' >noop.cfg
    chaos create noop.cfg && chaos reboot noop && (cd / && chaos wait -t 10 noop) &&
        chaos block-list noop && [ "$(chaos block-list noop | wc -l)" = 2 ] &&
        losetup -l | grep disk.img && chaos destroy noop && until_true 5 no_loop
}

like_xl() {
    fresh
    config pvh noop 'name = "xl-noop"' 'shadow_memory = 1' \
        "disk = [\"$work/disk.img,raw,xvda,w\"]" | grep -v '^name = "noop"' >xl.cfg
    xl create -q xl.cfg || return
    xl block-list xl-noop | sed 's/[0-9/]\+/N/g' >xl.list
    xl destroy xl-noop
    until_true 5 no_loop
    noop_with noop w && chaos block-list noop | sed 's/[0-9/]\+/N/g' >chaos.list &&
        chaos destroy noop || return
    head -1 xl.list >xl.header && head -1 chaos.list >chaos.header
    cat xl.list chaos.list
    cmp xl.header chaos.header && [ "$(wc -w <xl.list)" = "$(wc -w <chaos.list)" ]
}

in_json() {
    fresh && noop_with noop w && chaos info --json noop || return
    local loop
    loop=$(losetup -l -O NAME,BACK-FILE | awk '/disk.img/ { print $1 }')
    chaos list --json | grep -q "\"loop\": \"$loop\"" &&
        chaos list --json | grep -q "\"target\": \"$work/disk.img\"" &&
        chaos info noop | grep -q "^disk: *xvda, w, $work/disk.img by $loop" && chaos destroy noop
}

for type in pvh pv; do
    suite=disks/$type
    check "read, write, flush" verifies $type
    check "read only" reads_only $type
    check "a sector that differs is found" finds_a_fault $type
    check "two disks" two_disks $type
    check "a block device" block_device $type
    check "a restart, from another directory" relative_path_restarts $type
done
suite=disks
config pvh noop >noop.cfg
check "r beside r" sharing r r
check "w! beside w!" sharing 'w!' 'w!'
check "w beside w is refused" refused w w
check "r beside w is refused" refused w r
check "w beside r is refused" refused r w
check "w! beside w is refused" refused w 'w!'
check "w beside w! is refused" refused 'w!' w
check "r beside w! is refused" refused 'w!' r
check "the same file by another path" same_file_by_another_path
check "disks that are none" bad_disks
check "the columns of xl block-list" like_xl
check "JSON has files and loop devices" in_json
