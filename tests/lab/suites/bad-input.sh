# SPDX-License-Identifier: MIT
# Bad input: each its exit code and message, and nothing left behind.
. "$(dirname "$0")/../lib.sh"

config pvh noop >noop.cfg
image=$images/pvh/noop
size=$(wc -c <"$image")

refused() { # STATUS TEXT OVERRIDE...
    local status=$1 text=$2 before after
    shift 2
    before=$(free_kb)
    exits "$status" "$text" chaos create noop.cfg "$@" || return
    after=$(free_kb)
    [ "$before" = "$after" ] || { echo "free memory $before, then $after"; return 1; }
    [ "$(chaos list | wc -l)" = 2 ] || { chaos list; return 1; }
    [ -z "$(ls "$CHAOS_RUN_DIR" | grep -v registry)" ]
}

patched() { # OFFSET BYTES: the image with bytes changed
    cp "$image" patched && printf "$2" | dd of=patched bs=1 seek="$1" conv=notrunc 2>/dev/null
}

head -c $((size / 2)) "$image" >truncated
head -c 20 "$image" >stub
: >empty
echo "not a kernel at all, but long enough to be looked at as one" >text
patched 32 '\377\377\377\377\377\377\377\177' && mv patched far-headers
patched 56 '\377\377' && mv patched many-headers
head -c 100000 /dev/urandom >noise

check "a missing image" refused 1 "No such file" kernel=/nowhere/kernel
check "a directory" refused 1 "regular file" kernel=/tmp
check "an empty image" refused 1 "0 bytes" kernel=$work/empty
check "a stub of an image" refused 1 "stub" kernel=$work/stub
check "a truncated image" refused 1 "runcated" kernel=$work/truncated
check "text" refused 1 "neither an ELF file nor" kernel=$work/text
check "noise" refused 1 "neither an ELF file nor" kernel=$work/noise
check "headers far away" refused 1 "end" kernel=$work/far-headers
check "too many headers" refused 1 "headers" kernel=$work/many-headers
check "the same as PV" refused 1 "" type=pv kernel=$work/truncated
check "noise as PV" refused 1 "" type=pv kernel=$work/noise
check "a PV image as PVH" refused 1 "not a PVH kernel" kernel=$images/pv/noop
check "a missing ramdisk" refused 1 "ramdisk" ramdisk=/nowhere/initrd
check "a ramdisk that does not fit" refused 1 "too little" \
    ramdisk=$CHAOS_ROOT/build/chaos memory=1
check "a Linux kernel in 8 MiB (PVH)" refused 1 "memory=8 is too little" \
    kernel=/boot/vmlinuz memory=8
check "a Linux kernel in 8 MiB (PV)" refused 1 "memory" type=pv \
    kernel=/boot/vmlinuz memory=8
check "more memory than there is" refused 7 "out of memory" memory=1000000
check "an unknown key" refused 1 "did you mean memory" memroy=4
check "a wrong value" refused 1 "memory" memory=-4
check "hvm" refused 1 "hvm" 'type="hvm"'
check "a missing configuration" exits 1 "nowhere.cfg" chaos create nowhere.cfg
check "cpus that do not exist" refused 1 "cpus" 'cpus="999"'

taken() {
    chaos create noop.cfg || return
    exits 4 "noop" chaos create noop.cfg && chaos destroy noop
}
check "a name that is taken" taken
chmod 755 "$work" # for nobody
check "no permission" exits 6 "run as root" \
    setpriv --reuid 65534 --clear-groups env CHAOS_RUN_DIR=/run/chaos \
    chaos create noop.cfg
check "destroying nobody" exits 3 "no guest" chaos destroy nobody
check "dom0 is not chaos's" exits 1 "is dom0" chaos destroy 0
