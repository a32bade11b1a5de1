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

say() { echo "bench: $*" >&2; }

fetch() { # PATH BELOW build/ ...
    local path
    for path; do cp -r "$CHAOS_ROOT/build/$path" . || exit 1; done
}

# Until what the last command has left to others is done; costs no real time.
settle() { sleep 0.3; }

median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }

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

# All that was taken, with MEMBERS that tell about the whole.
print_points() { # MEMBERS
    local i version
    version=$(xl info | sed -n 's/^xen_version *: *//p')
    echo "{\"schema\": 1, \"xen\": \"$version\", $1, \"points\": ["
    for ((i = 0; i < ${#points[@]}; i++)); do
        [ $i = 0 ] || echo ,
        printf '  %s' "${points[i]}"
    done
    printf '\n]}\n'
}
