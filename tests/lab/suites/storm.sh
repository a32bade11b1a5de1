# SPDX-License-Identifier: MIT
# Four creators and two destroyers work at once on guests with devices, with
# shells and without, and 200 of their commands are killed at random moments.
# After that every domain is a guest or a shell, and nothing else is left.
. "$(dirname "$0")/../lib.sh"

kills=200

truncate -s 4M disk0.img disk1.img disk2.img disk3.img
for n in 0 1 2 3; do
    [ $((n % 2)) = 0 ] && type=pvh || type=pv
    config $type noop 'vif = [""]' "disk = [\"$work/disk$n.img,raw,xvda,w\"]" |
        sed "1s/.*/name = \"g$n\"/" >"g$n.cfg"
done

# What back ends keep is taken away once more by a command some time later.
settled() { chaos list && [ -z "$(ls /sys/bus/xen-backend/devices)" ] && [ "$(xl list | wc -l)" = 2 ]; }

# A command that may be killed, and was if its turn has come.
hit=0
risk() {
    "$@" >/dev/null 2>&1 &
    local pid=$!
    if [ $((RANDOM % 4)) != 0 ]; then
        sleep "0.$(printf %03d $((RANDOM % 300)))"
        kill -9 $pid 2>/dev/null
    fi
    wait $pid 2>/dev/null
    [ $? = 137 ] && hit=$((hit + 1))
}

creator() { # NUMBER
    while [ ! -e stop ]; do
        risk chaos create -q "g$1.cfg"
        risk chaos create -q "g$1.cfg" name="h$1" "disk=[]"
        echo $hit >"hits.c$1"
    done
}

destroyer() { # NUMBER
    while [ ! -e stop ]; do
        risk chaos destroy "g$((RANDOM % 4))"
        risk chaos destroy "h$((RANDOM % 4))"
        echo $hit >"hits.d$1"
    done
}

hits() { cat hits.* 2>/dev/null | awk '{ s += $1 } END { print s + 0 }'; }

rages() {
    local pids='' n until=$((SECONDS + 240))
    chaos pool fill -n 3 g0.cfg && chaos pool fill -n 3 g1.cfg || return
    for n in 0 1 2 3; do creator $n & pids="$pids $!"; done
    for n in 0 1; do destroyer $n & pids="$pids $!"; done
    until [ "$(hits)" -ge $kills ] || [ $SECONDS -ge $until ]; do sleep 1; done
    touch stop
    wait $pids
    echo "$(hits) commands were killed"
    [ "$(hits)" -ge $kills ]
}

# Refills may still be at work: their pools say so.
is_quiet() { ! grep -qx chaos /proc/[0-9]*/comm; }

# Each is a guest that can be found by its name, or a shell in a pool.
accounts_for_all() {
    until_true 60 is_quiet && chaos list -a && chaos pool list || return
    local domid
    for domid in $(xl list | awk 'NR > 2 { print $2 }'); do
        chaos list -a --json | grep -A6 "\"domid\": $domid," | grep -qE '"name": "[gh]|"shell"' ||
            grep -q . <<<"$(xl list "$domid" 2>/dev/null | grep -- d-)" ||
            { echo "domain $domid is neither"; return 1; }
    done
    [ "$(chaos list -a | grep -c '^(shell)')" = \
        "$(chaos pool list | awk 'NR > 1 { s += $7 } END { print s + 0 }')" ]
}

shows_what_is_left() {
    xl list
    chaos list -a
    chaos pool list
    ls /sys/bus/xen-backend/devices "$CHAOS_RUN_DIR"
    xenstore-ls -f | diff nodes -
    return 1
}

leaves_nothing() {
    chaos pool drain || return
    destroy_all
    until_true 60 settled && same_again 20 && [ "$(ls "$CHAOS_RUN_DIR")" = registry ] ||
        shows_what_is_left
}

# What is made once is made here: the last two by a back end that has an error.
for n in 0 1; do chaos create -q "g$n.cfg" && chaos destroy "g$n"; done
for type in vif vbd; do xenstore-write /local/domain/0/error/backend/$type ""; done
xenstore-ls -f >nodes
until_true 10 settled
count >before
check "rages" rages
check "every domain is a guest or a shell" accounts_for_all
check "nothing is left" leaves_nothing
