# SPDX-License-Identifier: MIT
# Weights and caps where Xen was booted with sched=credit, as xl's.
. "$(dirname "$0")/../lib.sh"

[ "$(xl info | sed -n 's/^xen_scheduler *: //p')" = credit ] || exit 0

config pvh noop >noop.cfg
config pvh noop 'name = "xl-noop"' 'shadow_memory = 1' | grep -v '^name = "noop"' >xl.cfg

created_with() {
    chaos create noop.cfg cpu_weight=1000 cap=50 && xl create -q xl.cfg &&
        same_as_xl sched-credit && grep -q ' 1000   50$' chaos.out &&
        same_as_xl sched-credit -d noop && [ -z "$(chaos sched-credit2)" ]
}

weighs() {
    chaos sched-credit -d noop -w 512 -c 0 && chaos sched-credit -d "$(xl domid xl-noop)" -w 300 -c 20 &&
        same_as_xl sched-credit || return
    grep -q ' 512    0$' chaos.out && grep -q ' 300   20$' chaos.out
}

# The scheduler's own settings, of the pool.
settings() { same_as_xl sched-credit -s && exits 1 "is credit, not credit2" chaos sched-credit2 -d noop -w 1; }

check "cpu_weight= and cap=" created_with
check "weights and caps" weighs
check "the scheduler's settings" settings
xl destroy xl-noop
