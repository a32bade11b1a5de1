# SPDX-License-Identifier: MIT
# The least memory there can be, 1 MiB: all that `make size` promises.
. "$(dirname "$0")/../lib.sh"

small() { # TYPE IMAGE [LINE]...
    config "$@" | sed 's/^memory = .*/memory = 1/' >small.cfg
}

comes_up() { # it stays, and ends when it is asked to
    chaos create --wait -t 20 small.cfg && chaos shutdown -w -t 20 "$1" && gone "$1"
}

checks_a_disk() { # with all of its buffers
    seq -f %0511.0f 0 4095 >disk.img
    timeout 60 chaos create -c small.cfg >out 2>&1
    cat out
    grep -q "xvda 4096 sectors: verified" out && gone blkcheck
}

for type in pvh pv; do
    suite=small/$type
    for image in noop parrot spin; do
        small $type $image
        check $image comes_up $image
    done
    for image in daytime echo http; do
        small $type $image 'vif = ["ip=10.0.120.15/24"]'
        check $image comes_up $image
    done
    small $type blkcheck "disk = [\"$work/disk.img,raw,xvda,w\"]"
    check blkcheck checks_a_disk
done
