# SPDX-License-Identifier: MIT
# Every command, for PV and for PVH.
. "$(dirname "$0")/../lib.sh"

prints_domid() {
    local domid
    domid=$(chaos create noop.cfg) || return
    [ "$domid" = "$(chaos domid noop)" ] && [ "$(chaos domname "$domid")" = noop ]
}

is_listed() { # NAME: in the table and in JSON
    local key
    chaos list | grep -q "^$1 " || return
    chaos list --json | tr -d '\n' | tr '}' '\n' | grep "\"name\": \"$1\"" >object
    cat object
    for key in '"state": "' '"memory_kb": 2048' '"cpu_time_ns": ' '"uptime_s": '; do
        grep -q "$key" object || return
    done
}

pauses() {
    chaos pause noop && state_is noop paused && chaos unpause noop &&
        until_true 5 state_is noop blocked
}

renames() {
    chaos rename noop other && chaos domid other && gone noop &&
        chaos rename other noop
}

paused_create() {
    chaos create -p noop.cfg name=p && state_is p paused &&
        chaos unpause p && until_true 5 state_is p blocked && chaos destroy p
}

quiet_create() {
    [ -z "$(chaos create -q noop.cfg name=q acpi=1 2>&1)" ] &&
        chaos destroy q
}

console_create() {
    chaos create -c hello.cfg | grep -q "Hello, world! I am a $type guest" &&
        gone hello
}

dry_run() {
    chaos create -n noop.cfg name=dry memory=3 | grep -qx 'memory=3' && gone dry
}

verbose() {
    chaos create -vv noop.cfg name=v 2>v.log && chaos destroy v || return
    cat v.log
    grep -q '^chaos: ' v.log
}

# The phases are in order, each took some time, and together they took it all.
timing() { # PHASES, with options of chaos create after them
    local names=$1
    shift
    chaos create --timing=json noop.cfg name=timed "$@" >timing.json || return
    chaos destroy timed
    cat timing.json
    [ "$(sed -n 's/.*"name": "\([a-z]*\)".*/\1/p' timing.json | xargs)" = "$names" ] &&
        [ "$(sed -n 's/.*"ns": \([0-9]*\)}.*/\1/p' timing.json |
            awk '$1 < 1 { print "no time" } { sum += $1 } END { printf "%d\n", sum }')" \
            = "$(sed -n 's/.*"total_ns": \([0-9]*\).*/\1/p' timing.json)" ]
}

timing_text() {
    [ "$(chaos create --timing noop.cfg name=timed 2>timing.txt)" = "$(chaos domid timed)" ] &&
        chaos destroy timed || return
    cat timing.txt
    [ "$(awk '{ print $1 }' timing.txt | xargs)" = \
        "launch config files host claim reserve domain memory image start total" ]
}

several() {
    chaos create noop.cfg name=a && chaos create noop.cfg name=b &&
        chaos pause a b && state_is b paused && chaos unpause a b &&
        [ "$(chaos list a b | wc -l)" = 3 ] && chaos destroy a b && gone a && gone b
}

some_missing() { # the others are done all the same
    chaos create noop.cfg name=a || return
    exits 3 "no guest nobody" chaos destroy nobody a && gone a
}

shuts_down() {
    chaos create noop.cfg name=s && chaos shutdown -w -t 20 s && gone s
}

shuts_down_all() {
    chaos create noop.cfg name=s1 && chaos create spin.cfg name=s2 &&
        chaos shutdown -a -w -t 20 && gone s1 && gone s2
}

reboots() { # and is waited for
    local domid
    domid=$(chaos create noop.cfg name=r) && chaos reboot -w -t 20 r &&
        [ "$(chaos domid r)" != "$domid" ] && chaos destroy r
}

# As xl takes its arguments.
as_xl_takes_them() {
    chaos create name=x memory=3 noop.cfg && chaos cons --help | grep -q '^usage: chaos console' &&
        chaos network-list x && chaos dest x && gone x &&
        chaos create -f noop.cfg name=y --dryrun | grep -qx 'name="y"' && gone y
}

times_out() { # a paused guest cannot answer
    chaos create -p noop.cfg name=t || return
    exits 5 "still runs" chaos shutdown -w -t 1 t && chaos destroy t
}

waits() {
    chaos create -p hello.cfg || return
    (sleep 0.3; chaos unpause hello) &
    [ "$(chaos wait -t 20 hello)" = "hello poweroff" ] && wait
}

wait_times_out() {
    chaos create noop.cfg name=w || return
    exits 5 "still runs" chaos wait -t 1 w && chaos destroy w
}

informs() {
    chaos create noop.cfg name=i vcpus=2 || return
    chaos info i | grep -q "^type: *$type" && chaos info i | grep -qx 'vcpus=2' &&
        chaos info --json i | grep -q '"registry": "noxs"' && chaos destroy i
}

spins() { # cpu time grows
    local before after
    chaos create spin.cfg || return
    before=$(chaos info --json spin | sed -n 's/.*cpu_time_ns": \([0-9]*\).*/\1/p')
    sleep 0.3
    after=$(chaos info --json spin | sed -n 's/.*cpu_time_ns": \([0-9]*\).*/\1/p')
    echo "$before $after"
    [ "$after" -gt $((before + 1000000)) ] && chaos destroy spin
}

uuid() {
    local uuid=12345678-1234-4321-8abc-123456789abc
    chaos create noop.cfg name=u uuid=\"$uuid\" || return
    chaos info u | grep -q "$uuid" || return
    exits 4 "UUID" chaos create noop.cfg name=u2 uuid=\"$uuid\" && chaos destroy u
}

maxmem() {
    chaos create noop.cfg name=m maxmem=8 || return
    chaos info --json m | grep -q '"maxmem_kb": 8192' && chaos destroy m
}

limits() {
    chaos create noop.cfg name=l max_grant_frames=4 max_event_channels=127 &&
        chaos destroy l
}

for type in pvh pv; do
    suite=commands/$type
    for image in noop hello spin; do config $type $image >$image.cfg; done
    check "create prints the domid" prints_domid
    check "list shows it" is_listed noop
    check "pause, unpause" pauses
    check "rename" renames
    check "destroy" chaos destroy noop
    check "it is gone" gone noop
    check "create -p" paused_create
    check "create -q says nothing" quiet_create
    check "create -c shows the console until the end" console_create
    check "create -n creates nothing" dry_run
    check "create -v tells" verbose
    check "create --timing=json" timing \
        "launch config files host claim reserve domain memory image start"
    check "create --timing=json --wait" timing \
        "launch config files host claim reserve domain memory image start up" --wait
    check "create --timing=json of a guest that uses XenStore" timing \
        "launch config files host reserve domain memory devices image start" \
        --registry xenstore --cold
    check "create --timing" timing_text
    check "several guests" several
    check "one of several is missing" some_missing
    check "shutdown -w" shuts_down
    check "shutdown -a -w" shuts_down_all
    check "reboot -w" reboots
    check "arguments as xl's" as_xl_takes_them
    check "shutdown -w times out with 5" times_out
    check "wait" waits
    check "wait times out with 5" wait_times_out
    check "info" informs
    check "spin uses the CPU" spins
    check "uuid=" uuid
    check "maxmem=" maxmem
    check "max_grant_frames=, max_event_channels=" limits
    check "1 MiB is enough" bash -c \
        'chaos create noop.cfg name=small memory=1 && chaos shutdown -w -t 20 small'
done
suite=commands
check "dmesg shows Xen's log" bash -c 'chaos dmesg | grep -q "(XEN)"'
check "version names Xen's" bash -c 'chaos version | grep -q "^Xen [4-9]"'
check "help lists the commands" bash -c 'chaos help | grep -q "^  create "'
check "a wrong option is usage" exits 2 "usage: chaos list" chaos list --nonsense
check "a wrong command is usage" exits 2 "no command" chaos nonsense
check "no argument is usage" exits 2 "usage: chaos destroy" chaos destroy
