# SPDX-License-Identifier: MIT
# chaos supervise: what is due for guests is done at once, without another
# command, and nothing is lost when it is killed.
. "$(dirname "$0")/../lib.sh"

supervisor=
# What systemd would listen to.
export NOTIFY_SOCKET=$work/notify
socat -u UNIX-RECV:"$NOTIFY_SOCKET" OPEN:"$work/notified",creat,append &
listener=$!
until_true 5 test -S "$NOTIFY_SOCKET"

# One that a check which failed has left.
end_another() {
    local pid
    pid=$(cat "$CHAOS_RUN_DIR/supervise.lock" 2>/dev/null)
    if [ -n "$pid" ] && grep -qsx chaos "/proc/$pid/comm"; then kill -KILL "$pid"; fi
}

start() {
    end_another
    : >"$work/notified"
    : >"$work/log"
    chaos supervise >"$work/log" 2>&1 &
    supervisor=$!
    until_true 10 said 'watching guests' || { cat "$work/log"; return 1; }
}
notified() { grep -q "$1" "$work/notified"; }
said() { grep -q "$1" "$work/log"; }
stop() {
    kill -TERM $supervisor
    wait $supervisor
    local status=$?
    cat "$work/log" "$work/notified"
    return $status
}
is_other_domain() { # GUEST DOMID: it exists, and is not that one
    # The registry alone: no chaos command may do what is due.
    local now
    now=$(domid_of "$1") && [ "$now" != "$2" ]
}
# The newest domain that the log speaks of.
domid_of() { sed -n "s/^guest $1 .*created again as domain \([0-9]*\)$/\1/p" "$work/log" | tail -n 1 | grep .; }

reboots() {
    start || return
    local first
    first=$(chaos create noop.cfg) && chaos reboot noop && until_true 10 is_other_domain noop "$first" &&
        [ "$(chaos domid noop)" = "$(domid_of noop)" ] || return
    said "guest noop (domain $first): rebooted; created again as domain" && chaos destroy noop && stop
}

ends() {
    start || return
    chaos create hello.cfg && until_true 10 said 'guest hello (domain [0-9]*): powered off; destroyed' || return
    chaos create crash.cfg on_crash=\"coredump-destroy\" &&
        until_true 20 said 'guest crash .*: crashed.*; destroyed' || return
    chaos create noop.cfg && xl destroy "$(chaos domid noop)" &&
        until_true 10 said 'guest noop .*gone without chaos'
    stop && ! grep '<[0-9]>' "$work/log"
}

many() { # each of 20 is created again
    start || return
    local i
    for i in $(seq 20); do chaos create -q noop.cfg name="n$i" || return; done
    for i in $(seq 20); do chaos reboot "n$i" || return; done
    until_true 60 all_again 20 || return
    destroy_all
    stop
}
all_again() { [ "$(grep -c 'created again' "$work/log")" = "$1" ]; }

fills_pools() {
    start || return
    pool=$(chaos pool fill -n 3 noop.cfg) && chaos pool set "$pool" -s 3 -l 3 &&
        chaos create -q --no-refill noop.cfg && until_true 20 three_ready &&
        chaos pool drain && chaos destroy noop && stop
}
three_ready() { chaos pool list --json | grep '"ready": 3'; }

# Killed amid work, at many moments: each guest is there again, once.
is_killed() {
    local i
    for i in $(seq 6); do chaos create -q noop.cfg name="n$i" || return; done
    for i in $(seq 12); do
        start || return
        for n in 1 2 3 4 5 6; do chaos reboot "n$n"; done
        sleep "0.$((i * 7 % 20))"
        kill -KILL $supervisor
        wait $supervisor 2>/dev/null
    done
    start || return
    until_true 30 all_run 6 && chaos list && destroy_all && stop
}
all_run() {
    [ "$(chaos list | awk '/^n[0-9]/ && $5 !~ /s/' | wc -l)" = "$1" ]
}

is_alone() {
    start || return
    exits 1 "runs already (process $supervisor)" chaos supervise
    local rc=$?
    kill -HUP $supervisor
    sleep 0.2
    kill -0 $supervisor && stop && notified STOPPING=1 && return $rc
}

# With what systemd's unit leaves it of root.
has_no_more_than_its_unit() {
    local caps
    caps=$(sed -n '/^CapabilityBoundingSet=/,/[^\\]$/p' "$CHAOS_ROOT/systemd/chaos-supervise.service" |
        grep -o 'CAP_[A-Z_]*' | sed 's/CAP_/+/' | tr A-Z a-z | paste -sd,)
    end_another
    : >"$work/log"
    setpriv --no-new-privs --bounding-set "-all,$caps" chaos supervise >"$work/log" 2>&1 &
    supervisor=$!
    until_true 10 said 'watching guests' || { cat "$work/log"; return 1; }
    # Another user's: whether it is in use is asked all the same.
    truncate -s 4M disk.img
    chown nobody disk.img
    config pvh noop 'vif = [""]' "disk = [\"$work/disk.img,raw,xvda,w\"]" >devices.cfg
    local first
    first=$(chaos create devices.cfg) && chaos reboot noop &&
        until_true 20 is_other_domain noop "$first" || return
    exec 9<>disk.img
    chaos reboot noop && until_true 20 said 'disk.img: a program has it open'
    local rc=$?
    exec 9>&-
    stop && return $rc
}

# The registry is removed: guests are found again, and it goes on.
outlives_the_registry() {
    start || return
    local first
    config pvh noop >noop.cfg
    first=$(chaos create noop.cfg) && until_true 10 xl domid noop && rm -r "$CHAOS_RUN_DIR" || return
    until_true 10 said 'starting over' && chaos recover && chaos reboot noop || return
    # Its configuration went with the directory, so that it is kept.
    until_true 20 said 'rebooted; kept' && chaos destroy "$first" && stop
}

tells_its_manager() {
    export WATCHDOG_USEC=200000
    start && until_true 5 notified READY=1 && until_true 5 notified WATCHDOG=1
    local rc=$?
    unset WATCHDOG_USEC
    stop && return $rc
}

# A kernel that is not there: the guest is kept, and starts when it is back.
tries_again() {
    start || return
    cp "$images/pvh/noop" kernel
    config pvh noop | sed "s|^kernel = .*|kernel = \"$work/kernel\"|" >moved.cfg
    local first
    first=$(chaos create moved.cfg) && mv kernel away && chaos reboot noop &&
        until_true 10 said 'next try in 1 s' && chaos info noop | grep -i ended && mv away kernel &&
        until_true 20 is_other_domain noop "$first" && chaos destroy noop && stop
}

# A guest that knows only XenStore, which tells of its end: it reboots, and its
# successor crashes.
console_log=/var/log/xen/console/guest-linux.log
linux_is_up() { until_true 90 grep -q 'guest: up' $console_log; }
sees_to_linux() { # TYPE
    start || return
    rm -f $console_log in /var/lib/xen/dump/linux
    cat >linux.cfg <<END
name = "linux"
type = "$1"
kernel = "$CHAOS_ROOT/build/lab/guest-vmlinux"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet address=10.0.120.9/24"
memory = 160
vif = ["mac=00:16:3e:01:02:03,bridge=xenbr0"]
on_crash = "coredump-restart"
END
    local first second
    first=$(chaos create linux.cfg) && linux_is_up && rm -f $console_log || return
    chaos reboot linux && until_true 240 is_other_domain linux "$first" && linux_is_up || return
    second=$(domid_of linux)
    rm -f $console_log
    mkfifo in
    (exec 3>in; sleep 1; echo 'echo c >/proc/sysrq-trigger' >&3; sleep 20) &
    timeout 60 chaos console linux <in
    until_true 240 is_other_domain linux "$second" && linux_is_up || return
    said "guest linux (domain $second): crashed; its core is /var/lib/xen/dump/linux; created" &&
        [ "$(stat -c %s /var/lib/xen/dump/linux)" -gt 160000000 ] || return
    until_true 20 ping -c 1 -W 1 10.0.120.9 && chaos destroy linux && stop
}

for type in pvh pv; do
    suite=supervise/$type
    for image in noop hello crash; do config $type $image >$image.cfg; done
    check "a guest that reboots" reboots
    check "guests that end" ends
    check "many guests" many
    check "a pool is filled" fills_pools
    check "it is killed amid work" is_killed
    # It has its interface's grants mapped far behind its memory.
    [[ $type != pvh && -z "${SLOW-}" ]] || check "a Debian guest" sees_to_linux $type
done
suite=supervise
check "there is one alone" is_alone
check "a service manager is told" tells_its_manager
check "a guest that cannot start" tries_again
check "the capabilities of its unit" has_no_more_than_its_unit
check "the registry is removed" outlives_the_registry
end_another
kill $listener
