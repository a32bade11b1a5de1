# SPDX-License-Identifier: MIT
# 200 guests with devices come and go: what XenStore, dom0's kernel and Xen have
# is counted before and after.
. "$(dirname "$0")/../lib.sh"

truncate -s 4M disk.img
guest() { # TYPE
    config "$1" noop 'vif = [""]' "disk = [\"$work/disk.img,raw,xvda,w\"]" >noop.cfg
}

cycle() { # TIMES
    local i
    for i in $(seq "$1"); do
        chaos create -q noop.cfg && chaos destroy noop || return
    done
}

two_hundred() { # TYPE
    guest "$1"
    cycle 3 || return # what is made once, is made here
    until_true 10 settled || return
    count >before
    cycle 100 && same_again 20
}
settled() { [ -z "$(ls /sys/bus/xen-backend/devices)" ] && [ "$(xl list | wc -l)" = 2 ]; }

failing() { # creates that fail late, when all but the start is done
    guest "$1"
    count >before
    local i
    for i in $(seq 20); do
        chaos create -q noop.cfg 'vif=["", "vifname=xenbr0"]' 2>/dev/null && return 1
    done
    same_again 20
}

killed() { # kill -9 in the middle of creates with devices
    guest "$1"
    count >before
    local i pid hits=0
    for i in $(seq 40); do
        chaos create -q noop.cfg &
        pid=$!
        sleep "0.$(printf %03d $((RANDOM % 250)))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        [ $? = 137 ] && hits=$((hits + 1))
        chaos list >/dev/null 2>&1
        chaos domid noop >/dev/null 2>&1 && { chaos destroy noop || return; }
    done
    echo "killed $hits of 40 before their end"
    same_again 20 && [ "$hits" -ge 3 ]
}

xl_destroyed() { # another toolstack takes the domain and leaves its devices
    guest "$1"
    count >before
    local domid
    domid=$(chaos create noop.cfg) && xl destroy "$domid" 2>/dev/null
    gone noop
    same_again 20
}

for type in pvh pv; do
    suite=leaks/$type
    check "100 cycles with a vif and a vbd" two_hundred $type
    check "creates that fail" failing $type
    check "kill -9" killed $type
    check "a guest that xl destroyed" xl_destroyed $type
done
