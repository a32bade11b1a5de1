# SPDX-License-Identifier: MIT
# vif=: guests that answer on the bridge, and what is wrong with some.
. "$(dirname "$0")/../lib.sh"

# Each guest its own address: what dom0 remembers of another's MAC is not asked.
last=20
net_config() { # TYPE IMAGE [LINE]...
    last=$((last + 1))
    address=10.0.120.$last
    config "$1" "$2" "vif = [\"bridge=xenbr0,ip=$address/24,gw=10.0.120.1\"]" \
        "${@:3}" >"$2.cfg"
}

pings() { # the first packet too: it is up when --wait returns
    ping -c 3 -W 2 "$address" | tee ping.out
    grep -q ' 0% packet loss' ping.out
}

starts() { chaos create --wait -t 20 "$1.cfg"; }
ends() { chaos shutdown -w -t 20 "$1" && gone "$1"; }

says_daytime() {
    local text year
    net_config "$1" daytime && starts daytime && pings || return
    text=$(timeout 10 socat -t10 - "TCP:$address:13" </dev/null)
    year=$(date +%Y)
    echo "$text"
    [[ $text == *" $year "* ]] && ends daytime
}

echoes() {
    net_config "$1" echo && starts echo || return
    [ "$(printf 'over tcp\n' | timeout 10 socat -T2 -t2 - "TCP:$address:7")" = "over tcp" ] &&
        [ "$(printf 'over udp' | timeout 10 socat -T2 -t2 - "UDP:$address:7")" = "over udp" ] &&
        ends echo
}

serves() {
    net_config "$1" http && starts http || return
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 20 socat -t10 - "TCP:$address:80" >page
    cat page
    grep -q '^HTTP/1.[01] 200' page && grep -qi 'boot' page &&
        ends http
}

carries_megabytes() { # more than any window or ring, both ways
    net_config "$1" echo && starts echo || return
    head -c 2000000 /dev/urandom >sent
    timeout 60 socat -u FILE:sent "TCP:$address:9" || return
    timeout 60 socat -u "TCP:$address:19" - 2>/dev/null | head -c 2000000 >received
    [ "$(wc -c <received)" = 2000000 ] || return
    # What the echo service sends back is what it got.  Reading and writing
    # take turns in socat; here they don't wait for each other.
    exec 3<>"/dev/tcp/$address/7" || return
    cat sent >&3 &
    timeout 60 head -c 2000000 <&3 >back
    exec 3>&-
    wait $!
    cmp sent back && ends echo
}

several_vifs() {
    config "$1" daytime \
        'vif = ["ip=10.0.120.18/24", "ip=10.0.120.19/24,vifname=second", ""]' >daytime.cfg
    starts daytime || return
    address=10.0.120.18 && pings && ip link show second &&
        [ "$(bridge link | grep -c 'master xenbr0')" = 3 ] &&
        [ "$(chaos vif-list daytime | wc -l)" = 4 ] && ends daytime || return
    until_true 5 no_interfaces
}
no_interfaces() { ! ip link | grep -qE ' (vif|second)'; }

no_xenstore() { # nothing in there that the guest could write, nobody introduced
    net_config "$1" daytime && starts daytime || return
    local domid
    domid=$(chaos domid daytime)
    xenstore-ls -fp "/local/domain/$domid" | tee nodes
    # All belong to dom0, and nobody else may do anything.
    [ -s nodes ] && ! grep -v '(n0) *$' nodes || return
    [ "$(is_introduced 0)" = T ] && [ "$(is_introduced "$domid")" = F ] && ends daytime
}
# Asks xenstored itself, by XS_IS_DOMAIN_INTRODUCED (public/io/xs_wire.h): four
# numbers of 32 bits (type, request, transaction, length), then the domid.
is_introduced() { # DOMID: T or F
    local length
    length=$(printf '\\x%02x' $((${#1} + 1)))
    printf '\x11\0\0\0\0\0\0\0\0\0\0\0'"$length"'\0\0\0%s\0' "$1" |
        socat -t2 - UNIX-CONNECT:/var/run/xenstored/socket,shut-none | tail -c +17 | head -c 1
}

no_process() { # dom0 runs nothing for a guest
    local i before after
    before=$(processes)
    for i in $(seq 20); do
        config "$1" noop "vif = [\"\"]" "name = \"noop$i\"" | sed '1d' >many.cfg
        chaos create -q many.cfg || return
    done
    after=$(processes)
    printf 'before:\n%s\nafter:\n%s\n' "$before" "$after"
    chaos destroy $(seq -f 'noop%g' 20) && [ "$before" = "$after" ]
}
# Programs, not the kernel's threads: those have no command line.
processes() {
    local file
    for file in /proc/[0-9]*/cmdline; do
        tr '\0' ' ' <"$file" 2>/dev/null | grep .
    done | grep -vE "^(sleep|tr|grep|sort|bash|seq|/bin/busybox) " | sort
}

keeps_its_mac() { # over a reboot
    config "$1" noop 'vif = ["vifname=web0"]' >noop.cfg
    chaos create noop.cfg || return
    local before after
    before=$(mac_of noop) && chaos reboot noop && chaos wait -t 10 noop &&
        after=$(mac_of noop) || return
    echo "$before, then $after"
    [[ $before == 00:16:3e:* ]] && [ "$before" = "$after" ] && chaos destroy noop
}
mac_of() { chaos vif-list "$1" | awk 'NR == 2 { print $3 }'; }

mac_taken() {
    config "$1" noop 'vif = ["mac=00:16:3e:01:02:03"]' >noop.cfg
    chaos create noop.cfg || return
    exits 4 "00:16:3e:01:02:03: noop has this address" \
        chaos create noop.cfg name=other && gone other && chaos destroy noop
}

no_bridge() {
    exits 1 "bridge=nowhere: no such interface; make it" \
        chaos create noop.cfg 'vif=["bridge=nowhere"]' && gone noop &&
        exits 1 "bridge=lo: this interface is not a bridge" \
            chaos create noop.cfg 'vif=["bridge=lo"]' && gone noop
}

name_taken() { # an interface of that name is there: all is undone
    exits 4 "vifname=xenbr0: there is an interface of this name" \
        chaos create noop.cfg 'vif=["", "vifname=xenbr0"]' && gone noop &&
        until_true 5 no_interfaces && no_nodes
}
no_nodes() {
    ! xenstore-ls -f | grep -E '/(vif|vbd)/[0-9]|^/local/domain/[1-9]'
}

refused_by_netback() { # it can't make the interface: one of its name is there
    local domid
    domid=$(chaos create -p noop.cfg) && chaos destroy noop || return
    until_true 5 no_interfaces
    ip tuntap add dev "vif$((domid + 1)).0" mode tap || return
    exits 1 "vif 0: the back end refuses to connect: " chaos create noop.cfg
    local rc=$?
    ip link delete "vif$((domid + 1)).0"
    [ $rc = 0 ] && gone noop && until_true 5 no_nodes && until_true 5 no_back_ends
}
no_back_ends() { [ -z "$(ls /sys/bus/xen-backend/devices)" ]; }

silent_netback() { # the kernel takes no new device on meanwhile
    local probe=/sys/bus/xen-backend/drivers_autoprobe rc
    echo 0 >$probe
    exits 5 "vif 0: the back end did not connect in time" chaos create noop.cfg
    rc=$?
    echo 1 >$probe
    [ $rc = 0 ] && gone noop && until_true 5 no_nodes && until_true 5 no_back_ends
}

rate_is_there() { # netback enforces it
    chaos create noop.cfg 'vif=["rate=1Mb/s@20ms"]' || return
    xenstore-read "/local/domain/0/backend/vif/$(chaos domid noop)/0/rate"
    [ "$(xenstore-read "/local/domain/0/backend/vif/$(chaos domid noop)/0/rate")" = 2500,20000 ] &&
        chaos destroy noop
}

like_xl() { # the same columns
    config pvh noop 'name = "xl-noop"' 'shadow_memory = 1' 'vif = ["mac=00:16:3e:0a:0b:0c"]' |
        grep -v '^name = "noop"' >xl.cfg
    xl create -q xl.cfg || return
    xl network-list xl-noop | sed 's/[0-9/]\+/N/g' >xl.list
    xl destroy xl-noop
    config pvh noop 'vif = ["mac=00:16:3e:0a:0b:0c"]' >noop.cfg
    chaos create -q noop.cfg && chaos vif-list noop | sed 's/[0-9/]\+/N/g' >chaos.list &&
        chaos destroy noop || return
    head -1 xl.list >xl.header && head -1 chaos.list >chaos.header
    cat xl.list chaos.list
    cmp xl.header chaos.header &&
        [ "$(wc -w <xl.list)" = "$(wc -w <chaos.list)" ]
}

in_json() {
    chaos create -q noop.cfg && chaos list --json >list.json && chaos info --json noop >info.json || return
    cat info.json
    local domid
    domid=$(chaos domid noop)
    grep -q "\"interface\": \"vif$domid.0\"" list.json &&
        grep -q "\"interface\": \"vif$domid.0\"" info.json &&
        chaos info noop | grep -q "^vif 0: *vif$domid.0 on xenbr0" && chaos destroy noop
}

for type in pvh pv; do
    suite=network/$type
    check "daytime: pinged, and asked for the time" says_daytime $type
    check "echo over TCP and UDP" echoes $type
    check "http" serves $type
    check "2 MB each way" carries_megabytes $type
    check "three interfaces, one with a name" several_vifs $type
    check "XenStore knows no guest, and no node is the guest's" no_xenstore $type
    check "no process in dom0 for 20 guests" no_process $type
    check "the MAC and the interface's name stay over a reboot" keeps_its_mac $type
    check "a MAC that is taken" mac_taken $type
    check "a bridge that is none" no_bridge
    check "an interface's name that is taken" name_taken
    check "a back end that refuses says why" refused_by_netback
    check "a back end that is silent" silent_netback
    check "rate=" rate_is_there
done
suite=network
check "the columns of xl network-list" like_xl
check "JSON has the interfaces' names" in_json
