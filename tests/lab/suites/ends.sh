# SPDX-License-Identifier: MIT
# How guests end, and what follows: on_poweroff, on_reboot, on_crash.
. "$(dirname "$0")/../lib.sh"

ended() { # GUEST END: it is there, and ended so
    chaos info --json "$1" | grep -q "\"end\": \"$2\""
}

preserved() { # IMAGE END KEY
    chaos create "$1.cfg" "$3=\"preserve\"" && until_true 10 ended "$1" "$2" &&
        chaos list && ended "$1" "$2" && chaos destroy "$1"
}

destroyed() { # IMAGE END KEY
    chaos create "$1.cfg" "$3=\"destroy\"" && until_true 10 ended "$1" "$2" &&
        chaos list && gone "$1"
}

restarted() { # IMAGE END KEY: another domain, the same name
    local first second
    first=$(chaos create "$1.cfg" "$3=\"restart\"") &&
        until_true 10 ended "$1" "$2" && chaos list &&
        second=$(chaos domid "$1") || return
    echo "domain $first, then $second"
    [ "$first" != "$second" ] && chaos destroy "$1"
}

asked_to_reboot() {
    local first
    first=$(chaos create noop.cfg on_reboot=\"restart\") && chaos reboot noop &&
        chaos wait -t 10 noop && [ "$first" != "$(chaos domid noop)" ] &&
        chaos destroy noop
}

name_free_again() { # no list in between: the next create finds it ended
    chaos create hello.cfg && until_true 10 ended hello poweroff &&
        chaos create hello.cfg && chaos wait -t 10 hello && gone hello
}

xl_destroyed() { # another toolstack took it away
    chaos create noop.cfg && xl destroy "$(chaos domid noop)" && gone noop &&
        chaos create noop.cfg && chaos destroy noop
}

for type in pvh pv; do
    suite=ends/$type
    for image in noop hello reboot crash; do config $type $image >$image.cfg; done
    check "on_poweroff=destroy" destroyed hello poweroff on_poweroff
    check "on_poweroff=preserve" preserved hello poweroff on_poweroff
    check "on_poweroff=restart" restarted hello poweroff on_poweroff
    check "on_reboot=destroy" destroyed reboot reboot on_reboot
    check "on_reboot=preserve" preserved reboot reboot on_reboot
    check "on_reboot=restart" restarted reboot reboot on_reboot
    check "on_crash=destroy" destroyed crash crash on_crash
    check "on_crash=preserve" preserved crash crash on_crash
    check "on_crash=restart" restarted crash crash on_crash
    check "reboot" asked_to_reboot
    check "the name of an ended guest is free" name_free_again
    check "a guest that xl destroyed is forgotten" xl_destroyed
done
