# SPDX-License-Identifier: MIT
# src/store with a real xenstored: over its socket, and over the kernel's device
# where that is what there is.
. "$(dirname "$0")/../lib.sh"
store=$CHAOS_ROOT/build/tests/store
if [ ! -x "$store" ]; then
    echo "not ok - $suite: there is no build/tests/store: make lab-tools"
    exit
fi
root=/local/chaos-test
trap 'destroy_all; xenstore-rm $root 2>/dev/null; rm -rf "$work"' EXIT

# by WAY COMMAND...: with the socket, or as if there were none.
by() {
    local way=$1
    shift
    case $way in
    socket) "$@" ;;
    device) unshare -m bash -c 'mount -t tmpfs none /run/xenstored && "$@"' - "$@" ;;
    esac
}

# Two that add to one number, while a third changes it back and forth.
adds_up() { # WAY
    local way=$1 count
    xenstore-write $root/number 0 || return
    by "$way" "$store" add 100 $root/number >first &
    by "$way" "$store" add 100 $root/number >second &
    wait
    echo "$(cat first) and $(cat second) tries"
    count=$(xenstore-read $root/number)
    echo "$count of 200"
    [ "$count" = 200 ]
}

conflicts() { # WAY: somebody writes all the time
    local status writer
    xenstore-write $root/number 0 || return
    while :; do xenstore-write $root/number 0; done &
    writer=$!
    by "$1" "$store" add 20 $root/number
    status=$?
    kill $writer
    wait $writer 2>/dev/null
    return $status
}

fails() { # WAY: nothing of it is there
    exits 1 "as it should" by "$1" "$store" fail $root/none &&
        ! xenstore-read $root/none
}

burst() { # WAY: more than xenstored takes without being listened to
    by "$1" "$store" burst 1600 $root/burst || return
    local count
    count=$(for n in $(seq 0 16); do xenstore-list "$root/burst/$n"; done | wc -l)
    echo "$count of 1600"
    xenstore-rm $root/burst && [ "$count" = 1600 ]
}

# has PATH PERMISSIONS: as xenstore-ls writes them.
has() {
    xenstore-ls -fp $root | grep "^$1 = .*($2)$" || {
        xenstore-ls -fp $root
        return 1
    }
}

permissions() { # WAY: for a domain that there is; xenstored may insist
    local domid
    config pvh noop >noop.cfg
    chaos create -q noop.cfg && domid=$(chaos domid noop) || return
    by "$1" "$store" make $root/guest "$domid" -1 &&
        by "$1" "$store" make $root/back 0 "$domid" &&
        xenstore-write $root/guest/below x $root/back/below x &&
        has $root/guest "n$domid" && has $root/guest/below "n$domid" &&
        has $root/back "n0,r$domid" && has $root/back/below "n0,r$domid" &&
        by "$1" "$store" make $root/guest 0 -1 && has $root/guest n0 &&
        has $root/guest/below "n$domid" &&
        chaos destroy noop && xenstore-rm $root
}

releases() { # WAY: none of these is known
    by "$1" "$store" release 71 && by "$1" "$store" release 32000
}

introduces() { # WAY: there is no such domain
    exits 1 "XenStore: introducing domain 32000: E" \
        by "$1" "$store" introduce 32000 1 1
}

for way in socket device; do
    for what in adds_up conflicts fails burst permissions releases introduces; do
        check "$what by $way" $what $way
    done
done
