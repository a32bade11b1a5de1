# SPDX-License-Identifier: MIT
# vCPUs, the scheduler and memory: what chaos shows is what xl shows, and what
# one sets the other sees.
. "$(dirname "$0")/../lib.sh"

config pvh noop >noop.cfg
config pvh noop 'name = "xl-noop"' 'shadow_memory = 1' 'vcpus = 2' |
    grep -v '^name = "noop"' >xl.cfg

both_guests() { # one of each toolstack, which stand still
    chaos create noop.cfg vcpus=2 "$@" && xl create -q xl.cfg || return
    until_true 5 state_is noop blocked && until_true 5 state_is "$(xl domid xl-noop)" blocked
}

end_both() {
    xl destroy xl-noop
    chaos destroy noop
}

same_lists() {
    local theirs
    both_guests || return
    theirs=$(xl domid xl-noop)
    same_as_xl vcpu-list && same_as_xl vcpu-list "$(chaos domid noop)" "$theirs" &&
        same_as_xl sched-credit2 && same_as_xl sched-credit2 -d "$theirs" && same_as_xl sched-credit2 -s &&
        [ -z "$(chaos sched-credit)" ] # no pool of CPUs has that scheduler
}

pins() { # what chaos pins, xl shows
    local theirs
    theirs=$(xl domid xl-noop)
    chaos vcpu-pin noop 0 0 && chaos vcpu-pin noop all - 0 &&
        chaos vcpu-pin "$theirs" all 0 0 && same_as_xl vcpu-list || return
    [ "$(grep -c ' \(0\|all\) / \(0\|all\)$' chaos.out)" = 4 ]
}

pins_wrongly() {
    exits 1 "has no vCPU 2" chaos vcpu-pin noop 2 0 &&
        exits 1 "is online" chaos vcpu-pin noop 0 900 &&
        exits 1 "not a list of CPUs" chaos vcpu-pin noop 0 x &&
        exits 2 "not a vCPU" chaos vcpu-pin noop first 0 &&
        exits 3 "no guest" chaos vcpu-pin nobody 0 0
}

weighs() {
    chaos sched-credit2 -d noop -w 512 && chaos sched-credit2 -d noop -c 150 &&
        chaos sched-credit2 -d "$(xl domid xl-noop)" -w 300 -c 20 &&
        same_as_xl sched-credit2 || return
    grep -q ' 512  150$' chaos.out && grep -q ' 300   20$' chaos.out
}

weighs_wrongly() {
    exits 1 "cap 201: not 0 to 200" chaos sched-credit2 -d noop -c 201 &&
        exits 2 "not a weight" chaos sched-credit2 -d noop -w 65536 &&
        exits 2 "name it with -d" chaos sched-credit2 -w 1 &&
        exits 1 "is credit2, not credit" chaos sched-credit -d noop -w 1
}

created_with() {
    chaos create noop.cfg vcpus=2 cpu_weight=1000 cap=50 cpus_soft=0 cpus=0 || return
    same_as_xl sched-credit2 && grep -q ' 1000   50$' chaos.out || return
    chaos info noop | grep -qx 'cap=50' && chaos destroy noop
}

spare_vcpus_of_noxs() {
    chaos create noop.cfg vcpus=2 maxvcpus=4 2>said || return
    cat said
    grep -q 'maxvcpus=4 is ignored' said && [ "$(chaos vcpu-list noop | wc -l)" = 3 ] &&
        chaos destroy noop
}

noxs_is_not_asked() {
    chaos create noop.cfg || return
    exits 1 "does not use XenStore" chaos vcpu-set noop 1 &&
        exits 1 "does not use XenStore" chaos mem-set noop 1 &&
        exits 1 "does not use XenStore" chaos mem-max noop 4 &&
        exits 2 "not an amount" chaos mem-set noop 1x &&
        exits 1 "the host has" chaos vcpu-set noop 9999 && chaos destroy noop
}

check "the same lists as xl's" same_lists
check "vcpu-pin" pins
check "vcpu-pin refuses" pins_wrongly
check "weights and caps" weighs
check "weights and caps are refused" weighs_wrongly
end_both
check "cpu_weight=, cap=, cpus_soft=" created_with
check "maxvcpus= of a noxs guest" spare_vcpus_of_noxs
check "a noxs guest is not asked" noxs_is_not_asked

# ------------------------------------------------- a guest that uses XenStore

console_log=/var/log/xen/console/guest-linux.log

boot_linux() { # TYPE: one of two vCPUs, 160 of 192 MiB
    cat >linux.cfg <<END
name = "linux"
type = "$1"
kernel = "$CHAOS_ROOT/build/lab/guest-vmlinux"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet"
memory = 160
maxmem = 192
vcpus = 1
maxvcpus = 2
END
    rm -f $console_log
    chaos create -q linux.cfg && until_true 120 grep -q 'guest: up' $console_log ||
        { tail $console_log; return 1; }
}

has_online() { # vCPUS: the guest has brought all others offline
    xl vcpu-list linux >list
    cat list
    [ "$(grep -c -- '-   --p' list)" = $((2 - $1)) ]
}

# Linux takes vCPUs offline by itself; to bring one online is left to udev, which
# is not in the guest.  There is no such file while it shall be offline.
bring_online() { # VCPU
    # The end of its input does not end it, and timeouts differ in their status.
    echo "echo 1 >/sys/devices/system/cpu/cpu$1/online" | timeout 5 chaos console linux
    true
}

sets_vcpus() {
    until_true 30 has_online 1 && until_true 10 same_as_xl vcpu-list linux || return
    exits 1 "the host has" chaos vcpu-set linux 9999 &&
        exits 1 "1 to 2" chaos vcpu-set -i linux 3 && chaos vcpu-set -i linux 2 &&
        bring_online 1 && until_true 30 has_online 2 && chaos vcpu-set linux 1 &&
        until_true 30 has_online 1
}

has_mib() { # LOW HIGH
    local mib
    mib=$(xl list linux | awk 'NR > 1 { print $3 }')
    echo "$mib MiB"
    [ "$mib" -ge "$1" ] && [ "$mib" -le "$2" ]
}

sets_memory() {
    has_mib 159 161 || return
    chaos mem-set linux 128 && until_true 30 has_mib 125 131 &&
        chaos mem-set linux 163840k && until_true 30 has_mib 157 161 || return
    exits 1 "above the 196608 KiB" chaos mem-set linux 1g
}

sets_the_maximum() {
    chaos mem-max linux 170 && chaos info linux | grep '^memory: .* of 175104 KiB' &&
        exits 1 "below the 163840 KiB" chaos mem-max linux 100
}

# It stays as it is until somebody saves it: nothing follows its end.
suspends() {
    "$CHAOS_ROOT/build/tests/suspend" "$(chaos domid linux)" &&
        until_true 60 eval 'xl list linux | grep -- "---ss- "' || { xl list; return 1; }
    chaos list | grep '^linux .* ---ss- ' && chaos info linux | grep -i 'suspend'
}

for type in $TYPES; do
    suite=resources/$type
    check "boots" boot_linux $type
    check "vcpu-set" sets_vcpus
    check "mem-set" sets_memory
    check "mem-max" sets_the_maximum
    check "suspends" suspends
    check "ends" chaos destroy linux
done
