# SPDX-License-Identifier: MIT
# Hotplug scripts of the user's own, for guests of either registry.
. "$(dirname "$0")/../lib.sh"

truncate -s 16M disk.img

# Scripts that note how they were called, and let Xen's own do the work.
for kind in vif block; do
    usual=$([ $kind = vif ] && echo vif-bridge || echo block)
    cat >$kind <<END
#!/bin/sh
echo "$kind \$* \$XENBUS_TYPE \$XENBUS_PATH \$XENBUS_BASE_PATH \${vif:-} \$script" >>$work/calls
exec /etc/xen/scripts/$usual "\$@"
END
done
cat >failing <<END
#!/bin/sh
[ "\$1" = offline ] && exit
echo "the cable is cut" >&2
exit 3
END
chmod +x vif block failing

noxs_config() { # TYPE
    config "$1" noop "vif = [\"script=$work/vif\"]" \
        "disk = [\"$work/disk.img,raw,xvda,w,script=$work/block\"]" >guest.cfg
    name=noop
}

linux_config() { # TYPE
    cat >guest.cfg <<END
name = "linux"
type = "$1"
kernel = "$CHAOS_ROOT/build/lab/guest-vmlinux"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet"
memory = 160
vif = ["bridge=xenbr0,script=$work/vif"]
disk = ["$work/disk.img,raw,xvda,w,script=$work/block"]
END
    name=linux
}

both_connected() { # DOMID
    [ "$(xenstore-read "/local/domain/0/backend/vif/$1/0/state")" = 4 ] &&
        [ "$(xenstore-read "/local/domain/0/backend/vbd/$1/51712/state")" = 4 ]
}

lives() { # TYPE noxs|linux
    "$2_config" "$1" && count >before && rm -f calls || return
    exits 0 "script=$work/block is run" chaos create guest.cfg || return
    local domid name=$name
    domid=$(chaos domid $name)
    until_true 120 both_connected "$domid" || return
    [ "$(basename "$(readlink "/sys/class/net/vif$domid.0/master")")" = xenbr0 ] || return
    losetup -l | grep "$work/disk.img" || return
    chaos destroy $name && same_again 20 || return
    cat >expected <<END
vif online type_if=vif vif backend/vif/$domid/0 backend vif$domid.0 $work/vif
block add vbd backend/vbd/$domid/51712 backend  $work/block
vif offline type_if=vif vif backend/vif/$domid/0 backend vif$domid.0 $work/vif
block remove vbd backend/vbd/$domid/51712 backend  $work/block
END
    diff expected calls
}

fails() { # TYPE
    config "$1" noop "vif = [\"script=$work/failing\"]" >guest.cfg
    count >before
    exits 1 "exit status 3: the cable is cut" chaos create guest.cfg && gone noop &&
        exits 1 "No such file" chaos create guest.cfg "vif=['script=none']" &&
        gone noop && same_again 20
}

# What Xen's own script has to say is in XenStore.
says_why() {
    config pvh noop "disk = [\"/nowhere,raw,xvda,w,script=$work/block\"]" >guest.cfg
    count >before
    exits 1 "vbd 51712" chaos create guest.cfg && gone noop && same_again 20
}

usual_ones() { # are not run
    config pvh noop 'vif = ["script=vif-bridge"]' \
        "disk = [\"$work/disk.img,raw,xvda,w,script=block\"]" >guest.cfg
    chaos create guest.cfg >out 2>&1 && ! grep "is run" out && chaos destroy noop
}

# The user's own for one device, and chaos for the other.
one_of_each() { # TYPE
    config "$1" noop 'registry = "xenstore"' "vif = [\"script=$work/vif\"]" \
        "disk = [\"$work/disk.img,raw,xvda,w\"]" >guest.cfg
    count >before && rm -f calls && chaos create guest.cfg && sleep 2 || return
    chaos destroy noop >out 2>&1 && cat out && ! [ -s out ] && same_again 20 &&
        ! grep block calls && grep 'vif offline' calls
}

# A guest that is kept has lost its devices, whose scripts have run.
is_put_aside() { # TYPE
    noxs_config "$1" && echo 'on_reboot = "rename-restart"' >>guest.cfg && count >before &&
        rm -f calls || return
    local first second
    first=$(chaos create guest.cfg) && chaos reboot noop && chaos wait -t 20 "$first"
    second=$(chaos domid noop) && [ "$second" != "$first" ] && chaos domname "$first" || return
    chaos destroy "$first" noop && same_again 20 || return
    cat calls
    [ "$(grep -c "offline.*/$first/" calls)" = 1 ] && [ "$(grep -c "remove.*/$first/" calls)" = 1 ] &&
        [ "$(grep -c "offline.*/$second/" calls)" = 1 ] && [ "$(grep -c online calls)" = 2 ]
}

# As the file says them: a network, and several.
hands_on_addresses() { # TYPE
    local domid
    config "$1" noop "vif = [\"ip=10.1.0.8/29 10.2.0.1 fe80::1,gatewaydev=lo,script=$work/vif\"]" \
        >guest.cfg
    exits 1 "is told one address, and this is several" chaos create guest.cfg || return
    domid=$(chaos create guest.cfg 'registry="xenstore"') || return
    xenstore-ls "/local/domain/0/backend/vif/$domid/0"
    [ "$(xenstore-read "/local/domain/0/backend/vif/$domid/0/ip")" = "10.1.0.8/29 10.2.0.1 fe80::1" ] &&
        [ "$(xenstore-read "/local/domain/0/backend/vif/$domid/0/gatewaydev")" = lo ] &&
        chaos destroy noop
}

no_shell() {
    noxs_config pvh
    exits 1 "a script= is run for its guest" chaos pool fill -n 1 guest.cfg
}

check "the usual ones are not run" usual_ones
for type in $TYPES; do
    check "$type: a noxs guest with scripts" lives $type noxs
    check "$type: a guest with scripts that speaks to XenStore" lives $type linux
    check "$type: a script for one of two devices" one_of_each $type
    check "$type: a guest with scripts is put aside" is_put_aside $type
    check "$type: addresses for scripts" hands_on_addresses $type
    check "$type: a script that fails" fails $type
done
check "a script that finds no disk" says_why
check "no shells are made for it" no_shell
