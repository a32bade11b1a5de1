# SPDX-License-Identifier: MIT
# Beside xl: the same unikernels under both, and the same list.
. "$(dirname "$0")/../lib.sh"

xl_runs_hello() { # TYPE
    # libxl counts a paging pool that is too small for so small a guest.
    config "$1" hello 'name = "xl-hello"' 'shadow_memory = 1' | grep -v '^name = "hello"' >xl.cfg
    timeout 30 xl create -c xl.cfg </dev/null >xl.out 2>&1
    cat xl.out
    grep -q "Hello, world! I am a $1 guest" xl.out
}

same_list() {
    config pvh noop 'name = "xl-noop"' 'shadow_memory = 1' | grep -v '^name = "noop"' >xl.cfg
    xl create -q xl.cfg || return
    # Between the two, dom0's own CPU time goes on.
    xl list | sed '/^Domain-0 /d' >xl.list
    chaos list | sed '/^Domain-0 /d' >chaos.list
    xl destroy xl-noop
    diff xl.list chaos.list
}

same_line_for_ours() { # its name is written when the create has ended
    config pvh noop >noop.cfg
    chaos create noop.cfg && until_true 5 state_is noop blocked &&
        until_true 5 xl domid noop || return
    xl list | grep '^noop' >xl.list
    chaos list | grep '^noop' >chaos.list
    chaos destroy noop
    diff xl.list chaos.list
}

same_header() {
    [ "$(xl list | head -1)" = "$(chaos list | head -1)" ]
}

own_name() { # a domain of xl's keeps its name
    config pvh noop 'name = "xl-noop"' 'shadow_memory = 1' | grep -v '^name = "noop"' >xl.cfg
    xl create -q xl.cfg || return
    exits 1 "not made by chaos" chaos rename xl-noop mine
    local rc=$?
    xl destroy xl-noop
    return $rc
}

no_xenstore() { # a noxs guest needs no path in XenStore
    config pvh noop 'xl_visible = 0' >noop.cfg
    local domid rc
    domid=$(chaos create noop.cfg) || return
    sleep 0.5
    xenstore-exists "/local/domain/$domid"
    rc=$?
    chaos destroy noop
    [ $rc != 0 ]
}

check "xl runs hello as PVH" xl_runs_hello pvh
check "xl runs hello as PV" xl_runs_hello pv
check "the same header as xl list" same_header
check "the same list as xl list" same_list
check "the same line for a guest of ours" same_line_for_ours
check "xl's guests have their names from xl" own_name
check "our guest has no XenStore path with xl_visible=0" no_xenstore
