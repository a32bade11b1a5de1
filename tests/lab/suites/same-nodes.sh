# SPDX-License-Identifier: MIT
# What a guest's nodes are under xl and under chaos, for the same xl.cfg: where
# they differ, docs/xenstore.md must have a row that says so and why; and a row
# that no guest shows is out of date.
. "$(dirname "$0")/../lib.sh"

log=/var/log/xen/console/guest-same.log
truncate -s 16M rw.img ro.img block.img

write_config() { # TYPE [LINE]...: an xl.cfg
    cat <<END >same.cfg
name = "same"
type = "$1"
kernel = "$CHAOS_ROOT/build/lab/guest-vmlinux"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet"
memory = 160
END
    printf '%s\n' "${@:2}" >>same.cfg
}

# Paths, values and permissions, with names in place of numbers that are another
# guest's the next time: domids, UUIDs, ports, grants, frames, loop devices,
# terminals and times.
dump() { # DOMID
    xenstore-ls -fp | sed -E \
        -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g' \
        -e "s,/(libxl|domain|console|vif|vbd)/$1([/\" ]),/\\1/DOMID\\2,g" \
        -e "s,/(domid|frontend-id) = \"$1\",/\\1 = \"DOMID\"," \
        -e "s/([nrwb])$1([,)])/\\1DOMID\\2/g" \
        -e 's,/(port|[a-z-]*ring-ref|event-channel[a-z-]*) = "[0-9]+",/\1 = "NUMBER",' \
        -e 's,/tty = "/dev/pts/[0-9]+",/tty = "TERMINAL",' \
        -e 's,/start_time = "[0-9]+\.[0-9]{2}",/start_time = "TIME",' \
        -e 's,"/dev/loop[0-9]+","LOOP",' \
        -e 's,/physical-device = "7:[0-9a-f]+",/physical-device = "LOOP",'
}

front_ends() { xenstore-ls -f "/local/domain/$1/device" | grep -E '/[0-9]+/state = '; }
connected() { # DOMID COUNT
    [ "$(front_ends "$1" | grep -c '"4"')" = "$2" ] &&
        [ "$(xenstore-ls -f /local/domain/0/backend |
            grep -cE "/v(if|bd)/$1/[0-9]+/state = \"4\"")" = "$2" ] &&
        [ -n "$(xenstore-read "/local/domain/$1/console/tty")" ]
}

# Devices that come when the guest is up, as what xl and chaos are told.
late=()
they_come() { # TOOL
    local words
    for words in "${late[@]}"; do "$1" $words || return; done
}

# Until the guest is up, and no driver has anything left to say.
dump_when_up() { # TOOL DEVICES
    local domid
    until_true 180 grep -q 'guest: up' $log || { tail $log; return 1; }
    domid=$(xl domid same) && they_come "$1" && until_true 20 connected "$domid" "$2" ||
        { front_ends "$domid"; return 1; }
    dump "$domid" >"$1.nodes"
}

nodes_of() { # TOOL DEVICES [OPTION]...
    local rc
    rm -f $log
    "$1" create -q "${@:3}" same.cfg >/dev/null || return
    dump_when_up "$1" "$2"
    rc=$?
    "$1" destroy same && until_true 20 eval '[ -z "$(ls /sys/bus/xen-backend/devices)" ]' &&
        return $rc
}

# A line for each node that is another: its path, and what xl and chaos have.
compare() {
    awk -F ' = ' '
        { rest = substr($0, length($1) + 4) }
        NR == FNR { xl[$1] = rest; next }
        !($1 in xl) { print $1 "\tnone\t" rest; next }
        xl[$1] != rest { print $1 "\t" xl[$1] "\t" rest }
        { delete xl[$1] }
        END { for (path in xl) print path "\t" xl[path] "\tnone" }' xl.nodes chaos.nodes |
        sort
}

# The table's rows: node, xl, chaos, with tabs between them.
rows() {
    awk -F ' *[|] *' '
        /^## / { inside = /^## Where chaos differs/ }
        inside && $2 ~ /^`/ { gsub(/`/, ""); print $2 "\t" $3 "\t" $4 }' \
        "$CHAOS_ROOT/docs/xenstore.md"
}

# Of the differences on stdin, those without a row; the rows of the others go to
# the file `used`.
unexplained() {
    rows >rows
    awk -F '\t' '
        function fits(cell, found) {
            return cell == "any" || cell == found ||
                index(found, "\"" cell "\" ") == 1 || index(found, "(" cell ")") > 0
        }
        NR == FNR {
            node = $1
            gsub(/[*]/, "[^/]+", node)
            nodes[NR] = "^" node "$"
            xl[NR] = $2; chaos[NR] = $3; row[NR] = $0
            next
        }
        {
            explained = 0
            for (i in nodes)
                if ($1 ~ nodes[i] && fits(xl[i], $2) && fits(chaos[i], $3)) {
                    explained = 1
                    print row[i] >>"used"
                }
            if (!explained)
                print
        }' rows -
}

differ_as_told() {
    compare >differences
    unexplained <differences >without
    echo "no row of docs/xenstore.md tells of"
    cat without
    [ ! -s without ]
}

same() { # TYPE DEVICES [LINE]...
    write_config "$1" "${@:3}"
    nodes_of xl "$2" && nodes_of chaos "$2" --cold && differ_as_told
}

same_when_they_come() { # TYPE
    local late=("network-attach same mac=00:16:3e:01:02:03 bridge=xenbr0"
        "block-attach same format=raw vdev=xvda access=rw target=$work/rw.img")
    same "$1" 2
}

same_from_shell() { # TYPE DEVICES [LINE]...
    write_config "$1" "${@:3}"
    nodes_of xl "$2" && chaos pool fill -n 1 same.cfg >/dev/null || return
    nodes_of chaos "$2" --no-refill && chaos pool list --json | grep '"ready": 0' && differ_as_told
    local rc=$?
    chaos pool drain
    return $rc
}

all_rows_are_needed() {
    touch used
    echo "no guest shows"
    ! sort -u used | comm -13 - <(sort -u rows) | grep .
}

vif='vif = ["mac=00:16:3e:01:02:03,bridge=xenbr0"]'
disk="\"format=raw,vdev=xvda,access=rw,target=$work/rw.img\""
block=$(losetup -f --show block.img)
for type in $TYPES; do
    # Linux leaves a CD-ROM of an HVM or PVH guest to QEMU.
    [ "$type" = pvh ] && all=2 || all=3
    check "$type: an interface and a disk" same $type 2 "$vif" "disk = [$disk]"
    check "$type: the same, that come when the guest runs" same_when_they_come $type
    check "$type: the same from a shell" same_from_shell $type 2 "$vif" \
        "disk = [\"format=raw,vdev=xvda,access=ro,target=$work/ro.img\"]"
    check "$type: two vCPUs, two interfaces, an address, a disk read only" same $type 4 \
        'vcpus = 2' \
        'vif = ["mac=00:16:3e:01:02:03,bridge=xenbr0,ip=10.0.120.9",
            "mac=00:16:3e:01:02:04,bridge=xenbr0"]' \
        "disk = [$disk, \"format=raw,vdev=xvdb,access=ro,target=$work/ro.img\"]"
    check "$type: what a configuration can have besides" same $type $all \
        'maxmem = 192' 'root = "/dev/xvda"' 'uuid = "11111111-2222-3333-4444-555555555555"' \
        'vif = ["mac=00:16:3e:01:02:03,vifname=same0,rate=10Mb/s@20ms,mtu=1400"]' \
        "disk = [\"$block,raw,xvda,w\", \"$work/ro.img,raw,xvdb,cdrom\"]"
done
losetup -d "$block"
check "each row of docs/xenstore.md is needed" all_rows_are_needed
