# SPDX-License-Identifier: MIT
# kill -9 at 50 random moments of create and destroy: the next command leaves
# no domain, no slot and no memory behind.
. "$(dirname "$0")/../lib.sh"

config pvh noop "memory = 16" >pvh.cfg
config pv noop "memory = 16" >pv.cfg
chaos list >/dev/null

# Sleeps without a process, whose start takes longer than a create.
exec {never}<> <(:)
nap() { # MICROSECONDS
    read -rt "$(printf '0.%06d' "$1")" -u "$never"
}

now_us() { echo "${EPOCHREALTIME/./}"; }

# How long a create takes on this machine, from the shell.
create_us() { # CONFIG
    local start
    start=$(now_us)
    chaos create -q "$1" && echo $(($(now_us) - start)) && chaos destroy noop
}

# At a random moment of a create, or shortly after.
kill_create() { # CONFIG
    chaos create -q "$1" &
    local pid=$!
    nap $((RANDOM % took))
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
}

killed=0
fifty_times() {
    local before after i domains took
    create_us pvh.cfg >/dev/null # the first one of all takes longer
    took=$(create_us pvh.cfg) || return
    echo "a create takes $took us"
    before=$(free_kb)
    for i in $(seq 50); do
        if [ $((i % 2)) = 0 ]; then kill_create pvh.cfg; else kill_create pv.cfg; fi
        [ $? = 137 ] && killed=$((killed + 1))
        chaos list >/dev/null 2>&1 || return
        chaos domid noop >/dev/null 2>&1 && { chaos destroy noop || return; }
        domains=$(xl list | wc -l)
        [ "$domains" = 2 ] || { xl list; chaos list; return 1; }
    done 2>/dev/null
    # Xen frees a dying domain's memory by and by.
    until_true 10 same_memory "$before" || { free_kb; return 1; }
    [ -z "$(ls "$CHAOS_RUN_DIR" | grep -v registry)" ] || return
    # Or the moments were not in the middle of anything.
    echo "killed $killed of 50 before their end"
    [ "$killed" -ge 5 ]
}
same_memory() { [ "$(free_kb)" = "$1" ]; }

check "50 times kill -9" fifty_times
