# SPDX-License-Identifier: MIT
# The actions that keep something of a guest that has ended: rename-restart,
# coredump-destroy and coredump-restart.  ends.sh has the others.
. "$(dirname "$0")/../lib.sh"

dumps=/var/lib/xen/dump

ended() { # GUEST END: it is there, and ended so
    chaos info --json "$1" | grep -q "\"end\": \"$2\""
}

is_core() { # FILE: an ELF core with the guest's memory in it
    ls -la $dumps
    [ "$(head -c 4 "$1" | tail -c 3)" = ELF ] && grep -q '\.xen_pages' "$1" &&
        [ "$(stat -c %s "$1")" -gt $((2 * 1024 * 1024)) ] &&
        [ -z "$(find $dumps -name '.*.part')" ]
}

crashes() { # ACTION: a guest that does so by itself
    rm -f $dumps/crash
    first=$(chaos create crash.cfg "on_crash=\"$1\"") && until_true 10 ended crash crash
}

# A guest that lives until it is told otherwise: its successor does not end.
reboots() { # ACTION
    rm -f $dumps/noop
    first=$(chaos create noop.cfg "on_reboot=\"$1\"") && chaos reboot noop &&
        until_true 10 ended noop reboot
}

dumped_and_destroyed() {
    crashes coredump-destroy && chaos list && gone crash && is_core $dumps/crash
}

dumped_and_restarted() {
    reboots coredump-restart && chaos list && is_core $dumps/noop &&
        [ "$(chaos domid noop)" != "$first" ] && chaos destroy noop
}

# The directory is a file: the guest is seen to all the same.
cannot_be_dumped() {
    crashes coredump-destroy || return
    rm -rf $dumps
    touch $dumps
    chaos list >out 2>&1
    rm $dumps
    cat out
    grep 'no core' out && gone crash
}

renamed_and_restarted() {
    reboots rename-restart && chaos list >out && cat out && kept=$(kept_name) || return
    echo "domain $first is $kept"
    [ "$(chaos domid "$kept")" = "$first" ] && ended "$kept" reboot &&
        [ "$(chaos domid noop)" != "$first" ] && chaos destroy "$kept" noop
}
kept_name() { awk '/^noop-20[0-9]*T[0-9]*Z/ { print $1 }' out; }

# A guest with an interface and a disk is asked to reboot: its successor has
# them, and it has nothing more in dom0.
gives_its_devices() { # TYPE
    until_true 10 no_chaos_runs
    count >before
    truncate -s 4M disk.img
    config "$1" daytime 'vif = ["mac=00:16:3e:0a:0b:0c,ip=10.0.120.77/24"]' \
        "disk = [\"$work/disk.img,raw,xvda,w\"]" \
        'on_reboot = "rename-restart"' >daytime.cfg
    first=$(chaos create -w -t 20 daytime.cfg) && chaos reboot daytime &&
        until_true 10 ended daytime reboot && chaos list || return
    [ "$(chaos domid daytime)" != "$first" ] &&
        ! xenstore-ls "/local/domain/0/backend/vif/$first" 2>/dev/null &&
        ! ip link show "vif$first.0" 2>/dev/null || return
    ping -c 2 -W 5 10.0.120.77 | grep ' 0% packet loss' || return
    destroy_all
    same_again 20
}

# The core of a PVH guest is written by us.  xl's has nothing of the 32 pages that
# in an HVM guest are a graphics card's, and then looks for as many elsewhere.
same_core_as_xls() {
    crashes preserve || return
    "$CHAOS_ROOT/build/tests/core" "$first" 512 ours && xl dump-core "$first" theirs || return
    local page=4096 start count hole=$((0xa0)) hole_end=$((0xc0))
    start=$(of_pages 24) count=$(($(of_pages 32) / page))
    echo "$count pages from $start"
    # The headers, notes and vCPUs, and what lies below; then what lies above.
    cmp -n $((start + hole * page)) ours theirs &&
        cmp -n $(((count - hole_end) * page)) ours theirs $((start + hole_end * page)) \
            $((start + hole * page)) && [ "$(stat -c %s ours)" = "$(stat -c %s theirs)" ] || return
    # Where each page was, in order.
    tail -c +$((start + count * page + 1)) ours | head -c $((count * 8)) | od -An -v -w8 -t u8 | tr -d ' ' |
        cmp - <(seq 0 $((count - 1))) && chaos destroy crash
}

# A member of the header of section .xen_pages, the sixth.
of_pages() { od -An -t u8 -j $((64 + 5 * 64 + $1)) -N 8 ours | tr -d ' '; }

no_chaos_runs() { ! grep -qx chaos /proc/[0-9]*/comm; }

# A PV guest whose kit does not tell Xen where its memory lies has no core.
pv_has_none() {
    reboots coredump-restart && exits 0 'noop: no core' chaos list &&
        [ "$(chaos domid noop)" != "$first" ] && chaos destroy noop
}

for type in pvh pv; do
    suite=actions/$type
    for image in crash noop; do config $type $image >$image.cfg; done
    if [ $type = pvh ]; then
        check "coredump-destroy" dumped_and_destroyed
        check "coredump-restart" dumped_and_restarted
        check "a core as xl's" same_core_as_xls
    else
        check "no core of this kit's guests" pv_has_none
    fi
    check "no core can be written" cannot_be_dumped
    check "rename-restart" renamed_and_restarted
    check "rename-restart with devices" gives_its_devices $type
done
