# SPDX-License-Identifier: MIT
#
# What the suites share.  A suite is a bash script that sources this file,
# checks one thing after the other, and prints a line of TAP for each.  It runs
# in dom0: in the lab by way of tests/lab/run, or on a Xen host.

set -u
: "${CHAOS_ROOT:?run it through tests/lab/run}"
export PATH=$CHAOS_ROOT/build:$PATH
images=$CHAOS_ROOT/build/unikernels
suite=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/chaos-lab.XXXXXX") || exit 1
# Guests of other suites and of the host are not ours to look at.
export CHAOS_RUN_DIR=$work/run CHAOS_CACHE_DIR=$work/cache
trap 'chaos shutdown -a >/dev/null 2>&1; destroy_all; rm -rf "$work"' EXIT
cd "$work" || exit 1

# The types of guests that a suite of slow guests is run for.
: "${TYPES:=pvh pv}"

# check NAME COMMAND...: one line of TAP, with the output when it fails.
check() {
    local name=$1 output status start=$SECONDS
    shift
    output=$("$@" 2>&1 </dev/null)
    status=$?
    if [ $status -eq 0 ]; then
        echo "ok - $suite: $name # $((SECONDS - start)) s"
    else
        echo "not ok - $suite: $name"
        printf '%s\n' "status $status: $*" "$output" | sed 's/^/#   /'
        destroy_all # the next check starts from nothing
    fi
}

# exits STATUS TEXT COMMAND...: the command ends so, and says so.
exits() {
    local want=$1 text=$2 output status
    shift 2
    output=$("$@" 2>&1)
    status=$?
    printf '%s\n' "$output"
    [ $status -eq "$want" ] || { echo "exit status $status, not $want"; return 1; }
    case $output in
    *"$text"*) ;;
    *) echo "does not say: $text"; return 1 ;;
    esac
}

# config TYPE IMAGE [LINE]...: a configuration on stdout.
config() {
    local type=$1 image=$2
    shift 2
    echo "name = \"$image\""
    echo "type = \"$type\""
    echo "kernel = \"$images/$type/$image\""
    echo "memory = 2"
    for line in "$@"; do echo "$line"; done
}

# until_true SECONDS COMMAND...: polls a condition that nothing announces.
until_true() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || { echo "never true: $*"; return 1; }
        sleep 0.05
    done
}

state_is() { # GUEST STATE
    chaos info --json "$1" | grep -q "\"state\": \"$2\""
}

gone() { # GUEST: it no longer exists
    exits 3 "no guest" chaos domid "$1"
}

destroy_all() { # ours: a Xen host may have others
    chaos list -v 2>/dev/null | awk '$NF == "chaos" { print $2 }' |
        while read -r domid; do chaos destroy "$domid" >/dev/null 2>&1; done
}

# Free memory as Xen counts it, in KiB; xl only tells MiB.
free_kb() {
    chaos_free=$(xl info | sed -n 's/^free_memory *: *//p')
    echo $((chaos_free * 1024))
}

# What XenStore, dom0's kernel and Xen have, a line for each kind.
count() {
    # Directories of back ends that are empty are nobody's: xl removes them.
    echo "nodes $(xenstore-ls -f | grep -cvE '^(/libxl|/vm|/local/domain/0/(device-model|(error/)?(backend|error)(/[a-z0-9]*)?)) ')"
    echo "loops $(losetup -l | wc -l)"
    echo "interfaces $(ip link | grep -c '^[0-9]')"
    echo "domains $(xl list | wc -l)"
    # Ports that back ends have bound, and grants that they have mapped.
    echo "interrupts $(grep -c xen-dyn /proc/interrupts)"
    echo "back ends $(ls /sys/bus/xen-backend/devices | wc -l)"
    echo "free $(free_kb)"
}

# same_again SECONDS: in that time it is as in the file `before`.
same_again() {
    local rc
    until_true "$1" counts_are_same
    rc=$?
    diff before after
    return $rc
}
counts_are_same() { count >after && cmp -s before after; }

# same_as_xl COMMAND [ARGUMENT]...: chaos and xl print the same, and it is kept in
# chaos.out.  Dom0's CPU time goes on between the two, and it moves from CPU to
# CPU.  xl need not know the name of a guest that does not use XenStore.
same_as_xl() {
    xl "$@" | sed -e '/^Domain-0 .* \/ /d' -e 's/^(null)/noop  /' >xl.out
    chaos "$@" | sed '/^Domain-0 .* \/ /d' >chaos.out
    cat chaos.out
    [ -s chaos.out ] && diff xl.out chaos.out
}
