#!/bin/bash
# SPDX-License-Identifier: MIT
# about: where the time of a create goes: xl, xenstore, noxs, from shells and without
# lab: --icount --timeout 1200
#
# Runs in dom0, with no guest running.  A figure is the median of a few creates,
# each of which is destroyed again.
#
# chaos tells of its phases by --timing, xl by its log (-vvv): a line of it
# says where a phase begins, and stamp.c when.  Both take a little longer so;
# "create" is what the same commands take otherwise.  "exit" is what is left of
# that behind chaos's phases.

runs=5 memory=4
. "$CHAOS_ROOT/bench/lib.bash"
fetch chaos bench/spawn bench/stamp unikernels

for devices in none vif; do
    {
        printf '%s\n' 'name = "new"' 'type = "pvh"' "memory = $memory" \
            "kernel = \"$work/unikernels/pvh/noop\""
        [ $devices = none ] || echo 'vif = ["bridge=xenbr0"]'
    } >guest.cfg
    # libxl counts a paging pool that is too small for so small a guest.
    { cat guest.cfg && echo 'shadow_memory = 1'; } >xl-$devices.cfg
    for registry in noxs xenstore; do
        { cat guest.cfg && echo "registry = \"$registry\""; } >$registry-$devices.cfg
    done
done

# take TOOL REGISTRY SHELLS OP, with more members after them and
# nanoseconds on stdin.
take() {
    local members
    members="\"tool\": \"$1\", \"op\": \"$4\", \"image\": \"noop\", \"type\": \"pvh\", \
\"memory_mib\": $memory, \"vcpus\": 1, \"vifs\": $vifs, \"vbds\": 0, \
\"registry\": \"$2\", \"pool\": $3, \"refill\": false, \"running\": 0"
    shift 4
    point "$members${*:+, $*}" "$(vms)"
}

# What xl does from a line of its log on, in order: PHASE PATTERN.
xl_marks='config ^Parsing config
domain do_domain_create: .*create: how
image running bootloader
nodes xc_dom_release: called
backends ev_xswatch_register: .*/backend/
script calling hotplug script
console ev_xswatch_register: .*/console/tty
start libxl_domain_unpause: .*create: how'

# The log of stamp.c on stdin as PHASE NANOSECONDS; a phase that is not there
# has no line.
xl_phases() {
    awk -v marks="$xl_marks" '
        BEGIN {
            count = split(marks, lines, "\n")
            for (i = 1; i <= count; i++) {
                phase[i] = lines[i]; sub(/ .*/, "", phase[i])
                pattern[i] = lines[i]; sub(/^[a-z]* /, "", pattern[i])
            }
            next_one = 1; name = "launch"; start = 0
        }
        { at = $1; text = substr($0, length($1) + 2) }
        {
            for (i = next_one; i <= count; i++)
                if (text ~ pattern[i]) {
                    print name, at - start
                    name = phase[i]; start = at; next_one = i + 1
                    break
                }
        }
        END { print name, at - start }'
}

# The same of what --timing says.
chaos_phases() {
    awk '/^[0-9]+ [a-z]+ +[0-9.]+ ms$/ && $2 != "total" { printf "%s %d\n", $2, $3 * 1e6 }'
}

# Runs the command, to create.ns, and under stamp.c with the second one's options,
# to phases.txt: a line each for run, phase and nanoseconds.
creates() { # TOOL COMMAND -- OPTION COMMAND
    local tool=$1 i
    shift
    local plain=() told=()
    while [ "$1" != -- ]; do plain+=("$1") && shift; done
    told=("${@:2}")
    : >create.ns
    : >phases.txt
    : >why
    for ((i = 0; i < runs; i++)); do
        rest 0 && try spawn "${plain[@]}" >>create.ns && settle &&
            try "$tool" destroy new && "$tool" list >/dev/null &&
            rest 0 && try stamp "${told[@]}" >log && settle &&
            try "$tool" destroy new && "$tool" list >/dev/null || break
        "${tool}_phases" <log >>phases.txt
    done
    [ "$i" = $runs ] || truncate -s 0 create.ns phases.txt
}

# Of each phase the median, in their order.
take_all() { # TOOL REGISTRY SHELLS
    local phase
    take "$@" create <create.ns
    [ -s phases.txt ] || take "$@" phase '"phase": null' </dev/null
    for phase in $(awk '!had[$1]++ { print $1 }' phases.txt); do
        take "$@" phase "\"phase\": \"$phase\"" \
            < <(sed -n "s/^$phase //p" phases.txt)
    done
    [ "$1" = xl ] || take "$@" phase '"phase": "exit"' < <(rest_of_create)
}

# The median of all creates, less what the phases took.
rest_of_create() {
    [ ! -s create.ns ] || awk -v total="$(median <create.ns)" -v runs=$runs \
        '{ sum += $2 } END { printf "%d\n", total - sum / runs }' phases.txt
}

for devices in none vif; do
    [ $devices = none ] || vifs=1
    for registry in noxs xenstore; do
        config=$registry-$devices.cfg
        say "chaos, $registry, $devices"
        chaos create --cold --no-refill $config >domid # what happens once, happens here
        chaos destroy new && chaos list >/dev/null && settle
        creates chaos chaos create --cold --no-refill $config -- \
            chaos create --timing --cold --no-refill $config
        take_all chaos $registry 0
        chaos pool fill -n $((2 * runs)) $config >/dev/null
        creates chaos chaos create --no-refill $config -- \
            chaos create --timing --no-refill $config
        take_all chaos $registry $((2 * runs))
        chaos pool drain
        rest 0
    done
    say "xl, $devices"
    xl create -q xl-$devices.cfg && xl destroy new && rest 0
    creates xl xl create -q xl-$devices.cfg -- xl -vvv create xl-$devices.cfg
    take_all xl xenstore 0
done
print_points '"unit": "vms"'
