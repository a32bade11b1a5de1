# SPDX-License-Identifier: MIT
# Directories of dom0's for guests that speak to XenStore, served by QEMU.
# first: tests/lab/program model
. "$(dirname "$0")/../lib.sh"

qemu=/usr/libexec/xen-qemu-system-i386
console_log=/var/log/xen/console/guest-linux.log
mkdir -p srv /var/log/xen
echo "from dom0" >srv/hello

linux() { # TYPE [LINE]...
    local type=$1
    shift
    cat <<END
name = "linux"
type = "$type"
kernel = "$CHAOS_ROOT/build/lab/guest-vmlinux"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet p9=share"
memory = 160
p9 = ["tag=share,path=$work/srv,security_model=none"]
END
    for line in "$@"; do echo "$line"; done
}

start() { # TOOL TYPE [LINE]...
    local tool=$1
    shift
    rm -f $console_log srv/guest
    linux "$@" >linux.cfg
    "$tool" create -q linux.cfg
}

says() { # TEXT
    until_true 180 grep -q "$1" $console_log || { tail $console_log; return 1; }
}

served() { says 'guest: share from dom0' && grep 'from the guest' srv/guest; }

# The domids that QEMU runs for, once each.
models() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -A 1 -x -- -xen-domid |
    grep -x '[0-9]*'; }
no_models() { ! models; }

without_qemu() {
    linux pvh >linux.cfg
    count >before
    exits 1 'device_model_override=' chaos create linux.cfg && gone linux && same_again 5 &&
        exits 1 'p9 share: /nowhere' chaos create linux.cfg \
            'p9=["tag=share,path=/nowhere,security_model=none"]'
}

# The lab's lies apart, because nothing else needs it.
install_qemu() {
    local program=$CHAOS_ROOT/build/lab/model
    [ -x "$program/bin/${qemu##*/}" ] || { echo "no QEMU: tests/lab/program model"; return 1; }
    mkdir -p "${qemu%/*}" /usr/share/qemu/keymaps
    : >>/usr/share/qemu/keymaps/en-us # xl's command line wants it, no guest does
    cat >$qemu <<END
#!/bin/sh
exec /lib64/ld-linux-x86-64.so.2 --library-path $program/lib:/usr/lib/x86_64-linux-gnu \\
    $program/bin/${qemu##*/} "\$@" -L /usr/share/qemu
END
    chmod +x $qemu
}

serves() { # TYPE
    count >before
    start chaos "$1" && served || return
    [ "$(models)" = "$(chaos domid linux)" ] || return
    xenstore-ls -f | grep 9pfs
    chaos destroy linux && no_models && same_again 10
}

# The one that is started again has a program of its own.
reboots() { # TYPE
    start chaos "$1" && served || return
    local domid
    domid=$(chaos domid linux)
    rm -f $console_log srv/guest
    chaos reboot linux || return
    until_true 60 eval 'chaos list >/dev/null; [ "$(chaos domid linux)" != '"$domid"' ]' &&
        served && [ "$(models)" = "$(chaos domid linux)" ] && chaos destroy linux && no_models
}

# xl ends the program by the node that says which it is.
xl_destroys() { # TYPE
    count >before
    start chaos "$1" && served && xl destroy linux || return
    chaos list
    until_true 10 no_models && same_again 10
}

# What xl writes for the same configuration; ours lacks nothing of it.
same_nodes() { # TYPE
    local tool
    for tool in xl chaos; do
        start $tool "$1" && served ||
            { tail /var/log/xen/qemu-dm-linux.log; return 1; }
        local domid
        domid=$(xl domid linux)
        xenstore-ls -f | grep 9pfs | sed -e "s|/$domid\([/ ]\)|/D\1|g" -e "s|frontend-id = \"$domid\"|frontend-id = \"D\"|" |
            sort >$tool.nodes
        xl destroy linux
        chaos list >/dev/null
    done
    diff xl.nodes chaos.nodes
}

# Killed while its QEMU starts, it leaves nothing.
killed() {
    local ms
    count >before
    for ms in 100 200 300 400 500 700; do
        linux pvh >linux.cfg
        chaos create -q linux.cfg &
        local pid=$!
        sleep 0.$ms
        kill -9 $pid 2>/dev/null
        wait $pid
        chaos list >/dev/null
        chaos domid linux >/dev/null 2>&1 && chaos destroy linux
        until_true 10 no_models || return
    done
    same_again 15
}

refuses() {
    config pvh noop "p9 = [\"tag=a,path=/,security_model=none\"]" >noop.cfg
    exits 1 'a guest that speaks noxs has no such device' chaos create noop.cfg
    linux pvh >linux.cfg
    exits 1 'a program that is started for its guest' chaos pool fill -n 1 linux.cfg
}

[ -e $qemu ] || check "without QEMU" without_qemu
[ -e $qemu ] || check "QEMU is there" install_qemu
check "for whom there is none" refuses
for type in $TYPES; do
    check "$type: serves a directory" serves "$type"
    check "$type: after a reboot" reboots "$type"
    check "$type: destroyed by xl" xl_destroys "$type"
done
# A Linux guest more of each toolstack: `make check-nodes` does it.
[ -z "${SLOW-}" ] || check "the nodes are xl's" same_nodes pvh
check "killed while QEMU starts" killed
