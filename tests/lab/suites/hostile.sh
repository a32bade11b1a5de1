# SPDX-License-Identifier: MIT
# Guests that spoil whatever they share with us, one kind of it at a time: all
# commands go on working for them and for the guests beside them, and nothing
# of them is left.
. "$(dirname "$0")/../lib.sh"

# What the unikernel `scribble` can do, in as few guests as lets each be seen.
deeds="control,device,console,flood rings requests requests,grants all deaf,close balloon"
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

# A packet may be lost in what others send: dom0's queues are theirs, too.  And
# who sends what it has received sends under another's MAC, so that the bridge
# takes it for the other, for the 8 s after which dom0 asks again who that is.
answers() { # NAME
    until_true 60 tells_the_date "$1" || { ip neigh; bridge fdb | grep 00:16:3e; false; }
}
tells_the_date() { # NAME
    local text
    text=$(timeout 10 socat -t10 - "TCP:$(address_of "$1"):13" </dev/null)
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

# -------------------------------------------------------- what is worse alone

# All that netback closes a device for, the N-th in the N-th guest.
closes_devices() { # TYPE
    local i names
    names=$(seq -f 'fatal%g' 8)
    for i in $(seq 8); do
        config "$1" scribble 'vif = [""]' "extra = \"what=requests fatal=$i\"" |
            sed "1s/.*/name = \"fatal$i\"/" >fatal.cfg
        chaos create -q fatal.cfg || return
    done
    until_true 10 disabled 8
    dmesg -c | grep -A1 -i fatal
    chaos list && lives_beside "$1" && chaos destroy $names && same_again 20
}
disabled() { [ "$(dmesg | grep -c 'fatal error; disabling device')" = "$1" ]; }

# It shuts down for any reason that there is, before it is up.
ends_early() { # TYPE
    local reason
    guest early "$1" scribble 41
    for reason in 0 3; do
        exits 1 "before it was up" chaos create -w -t 20 early.cfg \
            "extra=\"what=early reason=$reason\"" && gone early || return
    done
    exits 1 "before it was up" chaos create -w -t 20 early.cfg \
        'extra="what=early reason=1"' && destroyed early || return
    for reason in 2 5 255; do
        exits 1 "before it was up" chaos create -w -t 20 early.cfg \
            "extra=\"what=early reason=$reason\"" && chaos list early &&
            chaos info early && chaos list --json early | grep '"end"' &&
            destroyed early || return
    done
    same_again 20
}
destroyed() { chaos destroy "$1" && gone "$1"; }

# It crashes while its back ends are at work; what is left can be looked at.
crashes_at_work() { # TYPE
    guest crash "$1" scribble 42 'on_crash = "preserve"' \
        'extra = "what=requests,end reason=3 rounds=50"'
    chaos create -q crash.cfg && until_true 20 state_is crash ended &&
        chaos info crash && chaos vif-list crash && chaos block-list crash &&
        destroyed crash && same_again 20
}

# Whoever looks starts it again, with the same name, MAC and disk.
reboots() { # TYPE TIMES IMAGE [EXTRA]
    local i mac domid before
    guest again "$1" "$3" 43 "extra = \"${4-}\""
    sed -i 's/ip=/vifname=again,ip=/' again.cfg
    chaos create -q again.cfg || return
    mac=$(chaos vif-list again | awk 'NR == 2 { print $3 }')
    for i in $(seq "$2"); do
        before=$(chaos domid again) && chaos wait -t 20 again &&
            domid=$(chaos domid again) && [ "$domid" != "$before" ] &&
            [ "$(chaos vif-list again | awk 'NR == 2 { print $3 }')" = "$mac" ] &&
            [ "$(chaos block-list again | wc -l)" = 2 ] || return
    done
    destroyed again && same_again 20
}

# What a guest had that has ended, noticed by nobody, is another's to take.
yields() { # TYPE
    guest first "$1" noop 44
    sed 's/first"/second"/' first.cfg >second.cfg
    sed -i 's/ip=/mac=00:16:3e:01:02:03,vifname=one,ip=/' first.cfg second.cfg
    chaos create -q -w first.cfg && chaos shutdown first &&
        until_true 10 shut_down "$(chaos domid first)" &&
        chaos create -w second.cfg && gone first && chaos list || return
    xl destroy "$(chaos domid second)" 2>/dev/null
    chaos create -w first.cfg && gone second && destroyed first && same_again 20
}
shut_down() { xl list "$1" | grep -q -- '---s--'; } # chaos would see to it

# Somebody keeps a page of it: it is dying as long as that lasts.
dies_slowly() { # TYPE
    local domid holder
    guest slow "$1" noop 45
    chaos create -w slow.cfg && domid=$(chaos domid slow) || return
    "$CHAOS_ROOT/build/chaos" console slow >/dev/null 2>&1 &
    holder=$!
    until_true 10 maps_a_guest $holder && kill -STOP $holder
    destroyed slow && chaos list && chaos list --json >/dev/null &&
        exits 0 dying chaos info "$domid" &&
        chaos create -w -t 20 slow.cfg && exits 3 "is destroyed" chaos destroy "$domid" &&
        [ "$(chaos domid slow)" != "$domid" ] && chaos list && destroyed slow
    local rc=$?
    kill -CONT $holder
    kill $holder 2>/dev/null
    wait $holder
    [ $rc = 0 ] && same_again 20
}
maps_a_guest() { grep -q privcmd "/proc/$1/maps"; }

# One guest sends what another does not take.  It must not be the sender's own
# pages that wait there: dom0's one thread for back ends would wait for them
# when the sender has gone, and all devices with it.
keeps_packets() { # TYPE
    local start
    guest taker "$1" scribble 46 'extra = "what=deaf"'
    guest sender "$1" scribble 47 'extra = "what=requests to=46"'
    guest next "$1" noop 48
    sed -i 's/ip=/mac=00:16:3e:00:00:2e,ip=/' taker.cfg
    chaos create -q taker.cfg || return
    # As if it had said something: the bridge knows where it is.
    bridge fdb replace 00:16:3e:00:00:2e dev "vif$(chaos domid taker).0" master static || return
    chaos create -q sender.cfg || return
    sleep 2
    start=$SECONDS
    destroyed sender && chaos list && chaos create -w -t 20 next.cfg || return
    echo "the next one is up after $((SECONDS - start)) s"
    [ $((SECONDS - start)) -lt 10 ] || return # as long as netback would keep them
    destroyed next && destroyed taker && same_again 30
}

# Good guests, which are there all the time unless a check has failed.
begin() {
    local type
    for type in $types; do
        chaos domid "good-$type" >/dev/null 2>&1 ||
            chaos create -q -w -t 20 "good-$type.cfg" || exit
    done
    dmesg -c >/dev/null
    count >before
}

for type in $types; do
    guest "good-$type" "$type" daytime "1${#type}"
    guest "bad-$type" "$type" scribble "2${#type}"
done

for deed in $deeds; do
    suite=hostile/$deed
    begin
    check "they start" start $deed
    check "info, lists" are_described
    check "console, shutdown" do_not_listen $deed
    check "pause, unpause, rename" both is_handled
    check "good guests answer" both good_one_answers
    check "another one comes and goes" lives_beside $type
    [ $type = pv ] && type=pvh || type=pv
    check "destroy" end
    check "dom0's kernel says little" says_little
done

# One type each: it makes no difference to back ends.
alone() { # TYPE NAME COMMAND...
    suite=hostile/$1
    begin
    check "$2" "$3" "$1" "${@:4}"
}
alone pv "requests that netback closes a device for" closes_devices
alone pvh "ends before it is up" ends_early
alone pv "crashes while its back ends work" crashes_at_work
alone pvh "reboots at once, ten times" reboots 10 reboot
alone pv "reboots while its back ends work" reboots 5 scribble \
    "what=requests,end reason=1 rounds=10"
alone pvh "ended, and in nobody's way" yields
alone pv "dies slowly" dies_slowly
alone pvh "another guest keeps its packets" keeps_packets
