# SPDX-License-Identifier: MIT
# The registry is lost, or broken, or its file system is full: guests run on,
# chaos recover finds them, and what it found can be worked with and ended.
. "$(dirname "$0")/../lib.sh"

begin() {
    until_true 10 settled
    count >before
}
settled() { [ -z "$(ls /sys/bus/xen-backend/devices)" ]; }
leaves_nothing() {
    destroy_all
    chaos list -a
    until_true 10 settled && same_again 20
    [ -z "$(ls "$CHAOS_RUN_DIR" | grep -v '^registry')" ]
}

# Guests of each type, with devices and without, one paused; and shells.
make_all() {
    truncate -s 4M web.img
    config pvh daytime 'vif = ["mac=00:16:3e:0a:0b:0d,ip=10.0.120.60/24"]' \
        "disk = [\"$work/web.img,raw,xvda,w\"]" | sed '1s/.*/name = "web"/' >web.cfg
    config pv daytime 'vif = ["ip=10.0.120.61/24"]' | sed '1s/.*/name = "pv"/' >pv.cfg
    config pvh parrot 'on_reboot = "restart"' >parrot.cfg
    config pvh hello | sed '1s/.*/name = "still"/' >still.cfg
    chaos create -w -t 20 web.cfg && chaos create -w -t 20 pv.cfg &&
        chaos create -w -t 20 parrot.cfg && chaos create -p still.cfg &&
        chaos pool fill -n 2 web.cfg && chaos pool fill -n 1 pv.cfg || return
    web=$(chaos domid web) pv=$(chaos domid pv)
    parrot=$(chaos domid parrot) still=$(chaos domid still)
    xl list
}

answers_ping() { ping -c 2 -W 2 "$1" | grep ' 0% packet loss'; }

registry_is_removed() {
    begin
    make_all || return
    rm "$CHAOS_RUN_DIR/registry"
    chaos list
    exits 1 recover chaos pause web || return # its name is in XenStore
    chaos recover >found || { cat found; return 1; }
    cat found
    [ "$(grep -c shell found)" = 3 ] && [ "$(grep -c guest found)" = 4 ] || return
    [ "$(chaos domid web)" = "$web" ] && [ "$(chaos domid pv)" = "$pv" ] &&
        [ "$(chaos domid still)" = "$still" ] || return
    [ -z "$(chaos recover)" ] || return
    answers_ping 10.0.120.60 && answers_ping 10.0.120.61 || return
    chaos vif-list web && chaos vif-list web | grep 00:16:3e:0a:0b:0d &&
        chaos block-list web && chaos info web | grep web.img || return
    sed 's/"web"/"rival"/' web.cfg >rival.cfg
    exits 4 "has this address" chaos create rival.cfg || return
    sed -i s/mac=.*,ip=/ip=/ rival.cfg
    exits 1 "is on the same file" chaos create rival.cfg || return
    # A restart, which keeps the UUID.
    uuid=$(chaos info parrot | grep uuid)
    chaos reboot parrot && until_true 10 is_another parrot "$parrot" &&
        [ "$(chaos info parrot | grep uuid)" = "$uuid" ] || return
    exits 4 taken chaos create -p still.cfg || return
    chaos unpause still && chaos wait -t 20 still && chaos shutdown -w -t 20 web &&
        chaos destroy pv && chaos shutdown -w -t 20 parrot && leaves_nothing
}
is_another() { # GUEST DOMID
    chaos list >/dev/null
    [ "$(chaos domid "$1")" != "$2" ] && state_is "$1" blocked
}

run_dir_is_removed() {
    begin
    make_all || return
    rm -r "$CHAOS_RUN_DIR"
    chaos recover >found || { cat found; return 1; }
    cat found
    [ "$(grep -c shell found)" = 3 ] && [ "$(grep -c guest found)" = 4 ] || return
    chaos list
    chaos vif-list "$web" | grep 00:16:3e:0a:0b:0d &&
        chaos vif-list "$pv" && chaos block-list "$web" &&
        answers_ping 10.0.120.60 && answers_ping 10.0.120.61 || return
    exits 1 "was recovered" chaos console "$pv" || return
    { sleep 1; echo hey; sleep 2; } | timeout 10 chaos console "$parrot" >said
    cat said
    grep hey said || return
    chaos unpause "$still" && chaos shutdown -w -t 20 "$web" &&
        chaos shutdown -w -t 20 "$parrot" && chaos destroy "$pv" &&
        leaves_nothing
}

# Whatever the file is: a message, and everything is there after a recover.
file_is_broken() {
    local how
    begin
    make_all || return
    for how in "truncate -s 5000" "truncate -s +1" "cut_header" "noise 0 1" "noise 20 1" \
        "noise 100 100" "noise 400 40" "noise 400 80" "noise 17000 300"; do
        echo "$how"
        if [ "${how%% *}" = noise ]; then
            dd if=/dev/urandom of="$CHAOS_RUN_DIR/registry" bs=1024 seek=$(cut -d' ' -f2 <<<"$how") \
                count=$(cut -d' ' -f3 <<<"$how") conv=notrunc 2>/dev/null
        elif [ "$how" = cut_header ]; then
            printf xxxx | dd of="$CHAOS_RUN_DIR/registry" conv=notrunc 2>/dev/null
        else
            $how "$CHAOS_RUN_DIR/registry"
        fi
        timeout 20 chaos list
        [ $? -lt 124 ] || return
        timeout 60 chaos recover || return
        [ "$(chaos domid web)" = "$web" ] && [ "$(chaos domid pv)" = "$pv" ] &&
            [ "$(chaos domid parrot)" = "$parrot" ] && [ "$(chaos domid still)" = "$still" ] ||
            { chaos list; return 1; }
    done
    answers_ping 10.0.120.60 && chaos pool drain && leaves_nothing &&
        rm -r "$CHAOS_RUN_DIR"/registry.broken-*
}

# As many guests as there is room for; none that is half there.
file_system_is_full() {
    local i made=0 status
    begin
    mkdir -p full && mount -t tmpfs -o size=1M none full || return
    export CHAOS_RUN_DIR=$work/full
    config pvh noop "memory = 1" >noop.cfg
    for i in $(seq 400); do
        chaos create -q -p noop.cfg name=g$i 2>said
        status=$?
        [ $status = 0 ] || break
        made=$i
    done
    cat said
    echo "$made guests"
    [ $status = 7 ] && grep -q "no room" said && [ $made -gt 50 ] || return
    [ "$(chaos list | grep -c '^g')" = $made ] || return
    chaos list >/dev/null && chaos recover || return
    # What it had is free when its name is taken away, by a child.
    chaos destroy g1 && until_true 10 chaos create -q -p noop.cfg name=g1 || return
    # Not even room for the registry itself.
    destroy_all
    rm full/registry
    dd if=/dev/zero of=full/ballast bs=64k count=8 2>/dev/null
    exits 7 "no room" chaos list || return
    rm full/ballast
    until_true 10 chaos list || return # children have the old one open
    same_again 20
    status=$?
    umount full
    export CHAOS_RUN_DIR=$work/run
    return $status
}

check "the registry is removed" registry_is_removed
check "the whole directory is removed" run_dir_is_removed
check "its file is broken" file_is_broken
check "its file system is full" file_system_is_full
