# SPDX-License-Identifier: MIT
#
# What the benches share.  A bench sources this file in dom0; it is then in a
# directory of its own, in memory, because a read through /chaos waits for the
# host.  It fetches what it runs, takes points, and prints them.

set -u
: "${CHAOS_ROOT:?run it through bench/run}"
work=$(mktemp -d /tmp/bench.XXXXXX) && cd "$work" || exit 1
export PATH=$work:$PATH CHAOS_RUN_DIR=$work/run \
    CHAOS_CACHE_DIR=$work/cache
points=()
# As a JSON list.
arguments=$(for argument; do printf '%s"%s"' "${comma-}" "$argument" && comma=', '; done)

say() { echo "bench: $*" >&2; }

fetch() { # PATH BELOW build/ ...
    local path
    for path; do cp -r "$CHAOS_ROOT/build/$path" . || exit 1; done
}

# Until what the last command has left to others is done; costs no real time.
settle() { sleep 0.3; }

# Until dom0 has so many interfaces of guests: the kernel takes away what guests
# and shells had after their domains have gone, one by one.
at_rest() { # INTERFACES
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        settle
        [ "$(compgen -G '/sys/class/net/vif*' | wc -l)" != "$1" ] || return 0
    done
    echo "what a guest left is not cleared away" >why
    return 1
}

ready() { # shells, of all pools
    chaos pool list --json | sed -n 's/.*"ready": \([0-9]*\).*/\1/p' |
        awk '{ sum += $1 } END { print sum + 0 }'
}

# The same with so many guests that have `vifs` interfaces each, and the shells.
vifs=0
rest() { # GUESTS
    at_rest $((vifs * ($1 + $(ready))))
}

# Creates the guest "new" and destroys it, TIMES, among so many others with as
# many interfaces, to create.ns; which is empty when that failed.
pairs_among() { # GUESTS TOOL TIMES COMMAND...
    local guests=$1 tool=$2 times=$3 i
    shift 3
    : >create.ns
    : >why
    for ((i = 0; i < times; i++)); do
        rest "$guests" && try spawn "$@" >>create.ns && settle &&
            try "$tool" destroy new && "$tool" list >/dev/null || break
    done
    [ "$i" = "$times" ] || : >create.ns
}

# The same with chaos, from SHELLS that are made before, or without any.
chaos_pairs_among() { # GUESTS TIMES SHELLS CONFIG, with options after them
    local guests=$1 times=$2 shells=$3 config=$4 option=--cold
    shift 4
    : >create.ns
    : >why
    if [ "$shells" != 0 ]; then
        option=''
        try chaos pool fill -n "$shells" "$config" >/dev/null || return
    fi
    # shellcheck disable=SC2086
    pairs_among "$guests" chaos "$times" chaos create $option --no-refill "$@" "$config"
    if [ "$shells" != 0 ] && [ "$(ready)" != $((shells - times)) ]; then
        [ -s why ] || echo "a create took no shell" >why
        : >create.ns
    fi
    [ "$shells" = 0 ] || { chaos pool drain && rest "$guests"; }
}

clear_away() { # TOOL
    "$1" list | awk 'NR > 1 && $2 > 0 { print $2 }' | while read -r domid; do
        "$1" destroy "$domid" >/dev/null
    done
    "$1" list >/dev/null
    settle
}

median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }

# The number that so many percent of them do not exceed.
percentile() { # PERCENT
    sort -n | awk -v part="$1" \
        '{ v[NR] = $1 } END { if (NR) print v[int((NR - 1) * part / 100) + 1] }'
}

# Nanoseconds in virtual milliseconds, one million instructions each; of several
# numbers the median.
vms() { median | awk '{ printf "%.3f", $1 / 1e6 }'; }

# try COMMAND...: what it says when it fails is why the points after it are
# absent.
: >why
try() {
    "$@" 2>why && return
    [ -s why ] || echo "$1 failed" >why
    cat why >&2
    return 1
}

# A point is an object with these members, and with a value, or without one and
# with the reason.
point() { # MEMBERS VALUE
    local value=$2 reason
    if [ -z "$value" ]; then
        reason=$(head -n 1 why | tr -d '[:cntrl:]' | sed 's/[\\"]/\\&/g')
        value="null, \"absent\": \"${reason:-not measured}\""
        say "absent: $1: $reason"
    fi
    points+=("{$1, \"value\": $value}")
}

of_xen() { xl info | sed -n "s/^$1 *: *//p"; }

# All that was taken, with MEMBERS that tell about the whole.
print_points() { # MEMBERS
    local i
    echo "{\"schema\": 1, \"bench\": \"$(basename "$0" .sh)\", \"arguments\": [$arguments],"
    echo "\"chaos\": \"$(chaos version | sed -n 's/^chaos //p')\", \"xen\": \"$(of_xen xen_version)\","
    echo "\"linux\": \"$(uname -r)\", \"xen_command_line\": \"$(of_xen xen_commandline)\","
    echo "\"scheduler\": \"$(of_xen xen_scheduler)\", $1, \"points\": ["
    for ((i = 0; i < ${#points[@]}; i++)); do
        [ $i = 0 ] || echo ,
        printf '  %s' "${points[i]}"
    done
    printf '\n]}\n'
}
