# SPDX-License-Identifier: MIT
# How often a command calls the kernel, Xen and xenstored: no more often than
# it did, by the records in tests/lab/calls.  Page faults are not compared,
# they differ from run to run.
. "$(dirname "$0")/../lib.sh"
records=$CHAOS_ROOT/tests/lab/calls

again() {
    echo "if it has to be so, record it anew:"
    echo "  tests/lab/run --share tests/lab/calls -- env RECORD=yes /chaos/tests/lab/tap calls"
}

# rose RECORD COUNTS: a line for each count above its record; false if none is.
rose() {
    awk 'NR == FNR { record[$1 " " $2] = $3; next }
        $3 > record[$1 " " $2] + 0 {
            printf "%s %s rose from %d to %d\n", $1, $2, record[$1 " " $2], $3
            rose = 1
        }
        END { exit !rose }' "$1" "$2"
}

not_above() { # NAME COMMAND...
    local name=$1
    shift
    rm -f "$name.txt"
    "$CHAOS_ROOT/build/tests/count" -o counts "$@" || return
    grep -v '^fault ' counts >"$name.txt"
    if [ "${RECORD:-}" ]; then
        cp "$name.txt" "$CHAOS_SHARE/$name.txt"
    elif [ ! -e "$records/$name.txt" ]; then
        echo "there is no tests/lab/calls/$name.txt"
        again
        return 1
    elif rose "$records/$name.txt" "$name.txt"; then
        again
        return 1
    fi
}

# Nobody else takes part: no other process and not xenstored.
is_alone() { # NAME
    [ -s "$1.txt" ] && ! grep -E '^(process|xenstore) .* [1-9]' "$1.txt"
}

# counted NAME COMMAND...: not more often than in NAME.txt.
counted() {
    check "$1 calls no more than it did" not_above "$@"
}

# What it leaves is another's, which the user does not wait for.
leaves_one_child() { # NAME
    grep -qx 'process fork 1' "$1.txt" && grep -v '^process fork' "$1.txt" >"$1.own.txt" &&
        is_alone "$1.own"
}

# alone NAME COMMAND...: that, and nobody else takes part, whatever is recorded.
alone() {
    counted "$@"
    check "$1 starts no process and leaves xenstored alone" is_alone "$1"
}

# A check that fails leaves no guest.
there_is_one() { chaos domid noop >domid 2>&1 || chaos create -q noop.cfg; }

# Neither back ends nor what a destroy leaves to a child are at work: another's lock, or a
# device in a slot, is one more call.
has_settled() {
    [ -z "$(ls /sys/bus/xen-backend/devices)" ] && ! grep -qsx chaos /proc/[0-9]*/comm
}

# Or a zero would say nothing.
sees_others() {
    local name
    set -- sh -c 'uname; xenstore-read domid; exec xenstore-read domid'
    "$CHAOS_ROOT/build/tests/count" -o counts "$@" || return
    for name in 'process exec 3' 'process fork 2' 'xenstore connections 1' \
        'xenstore messages [1-9]'; do
        grep "$name" counts || { echo "no $name"; return 1; }
    done
}

[ -x "$CHAOS_ROOT/build/tests/count" ] || {
    echo "not ok - $suite: there is no build/tests/count: make lab-tools"
    exit
}
check "the counter sees processes and xenstored" sees_others
truncate -s 4M disk.img
for type in pvh pv; do
    suite=calls/$type
    config $type noop 'xl_visible = 0' >noop.cfg
    config $type noop 'xl_visible = 0' 'vif = [""]' \
        "disk = [\"$work/disk.img,raw,xvda,w\"]" >devices.cfg
    # What the first guest of all has to make is not counted.
    there_is_one
    chaos destroy noop
    alone create-$type chaos create -q --no-refill noop.cfg
    there_is_one
    counted destroy-$type chaos destroy noop
    check "destroy-$type leaves one child and xenstored alone" leaves_one_child destroy-$type
    counted create-visible-$type chaos create -q --no-refill noop.cfg xl_visible=1
    check "create-visible-$type leaves one child and xenstored alone" \
        leaves_one_child create-visible-$type
    check "create-visible-$type: xl comes to see its name" until_true 10 xl domid noop
    chaos destroy noop
    until_true 10 has_settled
    for of in noop devices; do
        chaos pool fill -n 1 $of.cfg >/dev/null
        alone create-shell-$of-$type chaos create -q --no-refill $of.cfg
        chaos destroy noop
        until_true 10 has_settled
        chaos pool drain # and what the last one had is forgotten
    done
done
suite=calls
there_is_one
alone list chaos list
there_is_one
alone domid chaos domid noop
