# SPDX-License-Identifier: MIT
# A Debian kernel with a busybox initramfs up to its shell's prompt.
. "$(dirname "$0")/../lib.sh"

boots() { # TYPE
    cat >linux.cfg <<END
name = "linux"
type = "$1"
kernel = "/boot/vmlinuz"
ramdisk = "$CHAOS_ROOT/build/lab/guest-initrd.gz"
extra = "console=hvc0 quiet"
memory = 256
END
    # A fifo holds the guest's input open until its prompt has been seen.
    rm -f in && mkfifo in
    (exec 3>in; until_true 120 grep -q 'guest: up' out
     until_true 20 grep -q '[#$] ' out; echo 'echo $((6 * 7)); poweroff -f' >&3
     until_true 30 grep -q '^42' out) >/dev/null &
    timeout 180 chaos create -c linux.cfg <in >out 2>&1
    tail -20 out
    grep -q 'guest: up' out && grep -q '^42' out && gone linux
}

for type in pvh pv; do
    check "$type up to its prompt" boots $type
done
