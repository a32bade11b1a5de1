# SPDX-License-Identifier: MIT
# Guests that spoil whatever they share with us, one kind of it at a time: all
# commands go on working for them and for the guests beside them, and nothing
# of them is left.
. "$(dirname "$0")/../lib.sh"

# What the unikernel `scribble` can do; more here when it learns more.
deeds="control requests all deaf"
types="pvh pv"

# No command may hang, whatever a guest does.
chaos() { timeout -k 5 25 "$CHAOS_ROOT/build/chaos" "$@"; }

# guest NAME TYPE IMAGE ADDRESS [LINE]...: its configuration, with an interface
# and a disk.
guest() {
    truncate -s 1M "$1.img"
    config "$2" "$3" "vif = [\"ip=10.0.120.$4/24\"]" \
        "disk = [\"$work/$1.img,raw,xvda,w\"]" "${@:5}" |
        sed "1s/.*/name = \"$1\"/" >"$1.cfg"
}
address_of() { sed -n 's/.*ip=\([0-9.]*\).*/\1/p' "$1.cfg"; }

# both COMMAND ARG...: for either type at the same time.
both() {
    local type rc=0
    declare -A pids
    for type in $types; do
        "$1" "$type" "${@:2}" >"both.$type" 2>&1 &
        pids[$type]=$!
    done
    for type in $types; do
        wait "${pids[$type]}" || { rc=$?; cat "both.$type"; }
    done
    return $rc
}

# ------------------------------------------------------------ what must go on

start() { # what it says of itself is worth nothing; that it runs is
    local type
    for type in $types; do
        chaos create "bad-$type.cfg" "extra=\"what=$1 ${*:2}\"" || return
    done
    chaos list | grep -c '^bad-' | grep -q 2
}

is_described() { # GUEST
    chaos info "$1" && chaos info --json "$1" >info.json || return
    cat info.json
    grep -qE '"status": "(booting|up|going down|crashed|unknown)"' info.json &&
        grep -qE '"state": "(running|blocked)"' info.json && ! grep -q '"end"' info.json &&
        [ "$(chaos vif-list "$1" | wc -l)" = 2 ] &&
        [ "$(chaos block-list "$1" | wc -l)" = 2 ]
}
are_described() {
    is_described bad-pvh && is_described bad-pv && chaos list &&
        chaos list --json >list.json || return
    [ "$(grep -cE '"name": "(bad|good)-pvh?"' list.json)" = 4 ]
}

# Whatever comes out of it, and however much: it can be left.
console_can_be_left() {
    local status
    timeout -k 10 1 "$CHAOS_ROOT/build/chaos" console "bad-$1" </dev/null |
        head -c 1000000 >"console.$1"
    status=${PIPESTATUS[0]}
    echo "status $status, $(wc -c <"console.$1") bytes"
    [ "$status" != 137 ]
}

does_not_end() { # TYPE DEED
    if [ "$2" = balloon ] && [ "$1" = pvh ]; then
        exits 1 "control page of bad-pvh" chaos shutdown -w -t 1 bad-pvh
    else
        exits 5 "still runs after 1 s" chaos shutdown -w -t 1 "bad-$1"
    fi && chaos domid "bad-$1"
}

do_not_listen() { # DEED
    both console_can_be_left && both does_not_end "$1"
}

is_handled() { # TYPE
    chaos pause "bad-$1" && state_is "bad-$1" paused && chaos unpause "bad-$1" &&
        until_true 5 runs "bad-$1" && chaos rename "bad-$1" "other-$1" &&
        gone "bad-$1" && chaos rename "other-$1" "bad-$1"
}
runs() { state_is "$1" running || state_is "$1" blocked; }

# Packets for a guest that may never take them.
floods() { # NAME
    local mac
    mac=$(chaos vif-list "$1" | awk 'NR == 2 { print $3 }')
    ip neigh replace "$(address_of "$1")" lladdr "$mac" nud permanent dev xenbr0 || return
    timeout 10 bash -c 'dd if=/dev/zero bs=1400 count=200 \
        >"/dev/udp/$0/9"' "$(address_of "$1")" 2>/dev/null
    ip neigh del "$(address_of "$1")" dev xenbr0
}

answers() { # NAME
    local text
    ping -c 1 -W 5 "$(address_of "$1")" &&
    text=$(timeout 10 socat -t10 - "TCP:$(address_of "$1"):13" </dev/null)
    echo "$text"
    [[ $text == *" $(date +%Y) "* ]]
}
good_one_answers() { # TYPE
    floods "bad-$1" && answers "good-$1"
}

lives_beside() { # TYPE: a good guest's whole life
    guest "new-$1" "$1" daytime "3${#1}"
    chaos create -w -t 20 "new-$1.cfg" && answers "new-$1" &&
        chaos shutdown -w -t 20 "new-$1" && gone "new-$1"
}

end() { # and all that they had is free again
    chaos destroy bad-pvh bad-pv && gone bad-pvh && gone bad-pv && same_again 20 &&
        [ -z "$(ls "$CHAOS_RUN_DIR" | grep -vE '^registry|^guest-')" ]
}

# Of every refused discard blkback tells, whoever made the guest.
says_little() {
    dmesg -c | grep -v "access denied: DISCARD" >kernel.log
    sed -E 's/[0-9]+/N/g' kernel.log | sort | uniq -c | sort -rn | head
    [ "$(wc -l <kernel.log)" -lt 300 ]
}

for type in $types; do
    guest "good-$type" "$type" daytime "1${#type}"
    guest "bad-$type" "$type" scribble "2${#type}"
    chaos create -w -t 20 "good-$type.cfg" || exit
done

dmesg -c >/dev/null
for deed in $deeds; do
    suite=hostile/$deed
    count >before
    check "they start" start $deed
    check "info, lists" are_described
    check "console, shutdown" do_not_listen $deed
    check "pause, unpause, rename" both is_handled
    check "good guests answer" both good_one_answers
    check "others come and go" both lives_beside
    check "destroy" end
    check "dom0's kernel says little" says_little
done
