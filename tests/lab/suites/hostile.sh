# SPDX-License-Identifier: MIT
# A guest that spoils whatever it shares with us, one kind of it at a time: all
# commands go on working for it and for the guest beside it.
. "$(dirname "$0")/../lib.sh"

# What the unikernel `scribble` can do; more here when it learns more.
deeds="control device console flood all close balloon"

starts() { # what it says of itself is worth nothing; that it runs is
    chaos create scribble.cfg "extra=\"what=$1\"" && chaos create -w noop.cfg &&
        chaos list | grep -q '^scribble ' && chaos list | grep -q '^noop ' &&
        chaos list --json | grep -q '"name": "scribble"'
}

is_described() {
    chaos info scribble && chaos info --json scribble >info.json || return
    cat info.json
    grep -qE '"status": "(booting|up|going down|crashed|unknown)"' info.json &&
        grep -qE '"state": "(running|blocked)"' info.json &&
        ! grep -q '"end"' info.json
}

# Whatever comes out of it, and however much: it can be left.
console_can_be_left() {
    local status
    timeout -k 10 1 chaos console scribble </dev/null | head -c 1000000 >console.out
    status=${PIPESTATUS[0]}
    echo "status $status, $(wc -c <console.out) bytes"
    [ "$status" != 137 ]
}

# More than once: it may write the right number by chance.
does_not_end() {
    local i
    for i in 1 2 3; do
        if [ "$1" = balloon ] && [ "$type" = pvh ]; then
            exits 1 "control page of scribble" chaos shutdown -w -t 1 scribble
        else
            exits 5 "still runs after 1 s" chaos shutdown -w -t 1 scribble
        fi || return
    done
    chaos domid scribble
}

stops_and_goes_on() {
    chaos pause scribble && state_is scribble paused && chaos unpause scribble &&
        until_true 5 runs scribble
}
runs() { state_is "$1" running || state_is "$1" blocked; }

is_renamed() {
    chaos rename scribble other && gone scribble && chaos rename other scribble
}

beside_it() { # a good guest's whole life
    chaos create -w parrot.cfg && chaos info parrot >/dev/null && chaos pause parrot &&
        chaos unpause parrot || return
    printf 'hello\nquit\n' | timeout 20 chaos console parrot | grep -q hello &&
        gone parrot && chaos shutdown -w -t 20 noop && gone noop
}

ends() { # and all that it had is free again
    chaos destroy scribble && gone scribble &&
        until_true 10 same_memory "$before" || { free_kb; return 1; }
    [ "$(chaos list | wc -l)" = 2 ] && [ -z "$(ls "$CHAOS_RUN_DIR" | grep -v registry)" ]
}
same_memory() { [ "$(free_kb)" = "$1" ]; }

for type in pvh pv; do
    for image in scribble noop parrot; do config $type $image >$image.cfg; done
    for deed in $deeds; do
        suite=hostile/$type/$deed
        before=$(free_kb)
        check "it starts" starts $deed
        check "info" is_described
        check "its console can be left" console_can_be_left
        check "shutdown -w of it times out" does_not_end $deed
        check "pause, unpause" stops_and_goes_on
        check "rename" is_renamed
        check "another guest lives beside it" beside_it
        check "destroy" ends
    done
done
