# SPDX-License-Identifier: MIT
# Guests with an interface and a disk come and go, as often as the first
# argument says (2000), cold and from shells, PVH and PV: what Xen, dom0 and
# XenStore have does not grow.  Takes an hour in the lab: `make soak`.
. "$(dirname "$0")/lib.sh"

cycles=${1:-2000}
truncate -s 4M disk.img
for type in pvh pv; do
    config $type noop 'vif = [""]' "disk = [\"$work/disk.img,raw,xvda,w\"]" >$type.cfg
done

settled() { [ -z "$(ls /sys/bus/xen-backend/devices)" ] && [ "$(xl list | wc -l)" = 2 ]; }
dom0_kb() { awk '/^(MemFree|Buffers|Cached|SReclaimable):/ { s += $2 } END { print s }' /proc/meminfo; }
descriptors() { cut -f1 /proc/sys/fs/file-nr; }

one() { chaos create -q "$@" && chaos destroy noop; }

# So many cycles, of every kind one after the other.
turn() {
    local i
    for i in $(seq "$1"); do
        case $((i % 4)) in
        0) one --cold pvh.cfg ;;
        1) one pvh.cfg ;;
        2) one --cold pv.cfg ;;
        3) one pv.cfg ;;
        esac || return
    done
}

# With shells, and without any at the end.
round() { # CYCLES
    chaos pool fill -n 2 pvh.cfg >/dev/null && chaos pool fill -n 2 pv.cfg >/dev/null &&
        turn "$1" && chaos pool list && until_true 60 is_quiet && chaos pool drain &&
        until_true 60 settled && chaos list && echo 3 >/proc/sys/vm/drop_caches
}
is_quiet() { ! grep -qx chaos /proc/[0-9]*/comm; }

grows_by_nothing() {
    local kb fds
    round 40 || return # what is made once is made here
    count >before
    kb=$(dom0_kb) fds=$(descriptors)
    round "$cycles" && same_again 60 || return
    echo "dom0's free memory: $kb KiB before, $(dom0_kb) after; descriptors: $fds, $(descriptors)" >&3
    # A tenth of a page for each cycle is less than anything that is kept.
    [ $(($(dom0_kb) + 2048 + cycles * 4 / 10)) -ge "$kb" ] && [ "$(descriptors)" -le $((fds + 16)) ]
}

suite=soak
exec 3>&2
check "$cycles cycles with a vif and a vbd" grows_by_nothing
