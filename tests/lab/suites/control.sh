# SPDX-License-Identifier: MIT
# The control page: waiting for a guest that comes up or doesn't, asking it,
# and what it says of itself.
. "$(dirname "$0")/../lib.sh"

status_is() { # GUEST STATUS
    chaos info --json "$1" | grep -q "\"status\": \"$2\""
}

up_ns() { # GUEST
    chaos info --json "$1" | sed -n 's/.*"up_ns": \([0-9]*\).*/\1/p'
}

# no_sooner SECONDS COMMAND...: it fails or not, but takes that long.
no_sooner() {
    local seconds=$1 start status
    shift
    start=${EPOCHREALTIME/./}
    "$@"
    status=$?
    [ $((${EPOCHREALTIME/./} - start)) -ge $((seconds * 1000000)) ] && return $status
    echo "took less than $seconds s: $*"
    return 1
}

comes_up() { # it is up when create returns, not some time after
    local domid
    domid=$(chaos create -w noop.cfg) && [ "$domid" = "$(chaos domid noop)" ] &&
        status_is noop up && [ "$(up_ns noop)" -gt 0 ] &&
        chaos info noop | grep -qx 'status:   up' && chaos destroy noop
}

comes_up_in_turn() { # Xen's clock goes on
    local first second
    chaos create -w noop.cfg name=a && chaos create -w noop.cfg name=b || return
    first=$(up_ns a) second=$(up_ns b)
    echo "up at $first and $second"
    [ "$first" -lt "$second" ] && chaos destroy a b
}

was_up() { # and has ended before anybody looked
    chaos create -w hello.cfg && chaos list && gone hello
}

never_up() {
    local late='extra="lines=4000000000"' # it says so after the last
    no_sooner 1 exits 5 "chatter is not up after 1000 ms" \
        chaos create -w -t 1 chatter.cfg "$late" || return
    status_is chatter booting && chaos shutdown -w -t 20 chatter && gone chatter
}

says_nothing_else() { # of a guest that is not up: no domid
    [ -z "$(chaos create -w -t 0 chatter.cfg 'extra="lines=4000000000"' 2>/dev/null)" ] &&
        chaos destroy chatter
}

crashes() {
    exits 1 "crash crashed before it was up, with code 7" \
        chaos create -w crash.cfg 'extra="up=0 code=7"' && gone crash
}

crash_is_kept() {
    exits 1 "with code 7" \
        chaos create -w crash.cfg 'extra="up=0 code=7"' 'on_crash="preserve"' || return
    chaos info --json crash >info.json
    cat info.json
    grep -q '"status": "crashed"' info.json && grep -q '"code": 7' info.json &&
        ! grep -q up_ns info.json &&
        chaos info crash | grep -qx 'status:   crashed (code 7)' && chaos destroy crash
}

# The same image, whose note has another name.
without_noxs() {
    LC_ALL=C sed 's/noxs/none/g' "$images/$type/noop" >plain &&
        [ "$(wc -c <plain)" = "$(wc -c <"$images/$type/noop")" ]
}

could_not_say() { # known before anything is made
    without_noxs || return
    exits 1 "does not speak noxs" chaos create -w noop.cfg "kernel=$work/plain" &&
        gone noop
}

no_status() { # of a guest that has no control page; it is asked in XenStore
    local domid
    without_noxs && domid=$(chaos create noop.cfg "kernel=$work/plain") || return
    ! chaos info --json noop | grep status && ! chaos info noop | grep '^status' &&
        chaos shutdown noop &&
        [ "$(xenstore-read "/local/domain/$domid/control/shutdown")" = poweroff ] &&
        chaos destroy noop
}

is_deaf() {
    chaos create -w deaf.cfg || return
    no_sooner 2 exits 5 "deaf did not acknowledge the request" \
        chaos shutdown -w -t 2 deaf || return
    status_is deaf up && until_true 5 state_is deaf blocked || return
    exits 5 "did not acknowledge" chaos shutdown --now -w -t 1 deaf &&
        chaos destroy deaf && gone deaf
}

only_nods() {
    chaos create -w deaf.cfg 'extra="acknowledge=1"' || return
    no_sooner 1 exits 5 "deaf acknowledged the request but still runs after 1 s" \
        chaos shutdown -w -t 1 deaf && chaos destroy deaf
}

some_are_deaf() { # those that hear end all the same, in the one time for all
    chaos create -w noop.cfg && chaos create -w deaf.cfg || return
    exits 5 "deaf did not" chaos shutdown -w -t 2 deaf noop && gone noop &&
        chaos destroy deaf
}

says_goodbye() { # in order: it says that it goes; at once: it does not
    chaos create -w noop.cfg 'on_poweroff="preserve"' || return
    chaos shutdown -w -t 20 noop && status_is noop "going down" &&
        chaos destroy noop || return
    chaos create -w noop.cfg 'on_poweroff="preserve"' || return
    chaos shutdown --now -w -t 20 noop && status_is noop up && chaos destroy noop
}

now_is_heard() { # by one that never sleeps, too
    chaos create -w spin.cfg && chaos shutdown --now -w -t 20 spin && gone spin
}

for type in pvh pv; do
    suite=control/$type
    for image in noop hello spin crash deaf chatter; do
        config $type $image >$image.cfg
    done
    check "create -w waits until it is up" comes_up
    check "two come up one after the other" comes_up_in_turn
    check "create -w of a guest that was up" was_up
    check "create -w times out with 5" never_up
    check "create -w times out without a domid" says_nothing_else
    check "create -w of a guest that crashes" crashes
    check "create -w of a guest that crashes and is kept" crash_is_kept
    check "create -w of a guest without noxs" could_not_say
    check "a guest without noxs has no status" no_status
    check "shutdown -w of a deaf guest times out with 5" is_deaf
    check "shutdown -w of a guest that only nods" only_nods
    check "shutdown -w of a deaf guest and another" some_are_deaf
    check "shutdown in order, and --now" says_goodbye
    check "shutdown --now of a busy guest" now_is_heard
done
suite=control
check "create -w -p is wrong usage" exits 2 "exclude each other" chaos create -w -p noop.cfg
check "create -t wants a number" exits 2 "not a number" chaos create -w -t soon noop.cfg
