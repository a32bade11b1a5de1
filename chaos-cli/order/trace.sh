# SPDX-License-Identifier: MIT
# In dom0, for `make order`: traces what commands run, those that matter most
# first, to /share.
set -eu
here=$CHAOS_ROOT/build
export PATH=$here:$here/order:$PATH CHAOS_RUN_DIR=/tmp/order/run
mkdir -p /tmp/order
cd /tmp/order
truncate -s 1M disk.img

guest() { # NAME TYPE [LINE]...
    printf '%s\n' "name = \"$1\"" "type = \"$2\"" "kernel = \"$here/unikernels/$2/noop\"" \
        "memory = 4" "${@:3}" >"$1.cfg"
}

guest bare pvh
guest whole pvh 'vif = ["ip=10.0.120.9/24"]' "disk = [\"$PWD/disk.img,raw,xvda,w\"]"
guest pv pv
for name in bare whole pv; do
    chaos pool fill -n 1 $name.cfg
    trace /share/1.$name chaos create -q --no-refill $name.cfg
done
trace /share/2.destroy chaos destroy bare
trace /share/2.domid chaos domid pv
trace /share/2.list chaos list
trace /share/3.cold chaos create -q --cold bare.cfg
chaos destroy bare whole pv
chaos pool drain
