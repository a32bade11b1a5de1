# SPDX-License-Identifier: MIT
# The console: reading, writing, one reader, and a guest nobody listens to.
. "$(dirname "$0")/../lib.sh"

echoes() { # what is typed comes back; quit ends the guest
    printf 'one\ntwo\nquit\n' | timeout 20 chaos create -c parrot.cfg >parrot.out
    cat parrot.out
    grep -q one parrot.out && grep -q two parrot.out && gone parrot
}

attaches_later() { # what was written before is still there
    chaos create parrot.cfg && printf 'later\nquit\n' |
        timeout 20 chaos console parrot >later.out
    cat later.out
    grep -q later later.out && gone parrot
}

second_reader() {
    local reader
    chaos create noop.cfg || return
    chaos console noop </dev/null & # stays when its input ends
    reader=$!
    until_true 10 busy || return
    kill $reader && wait $reader
    free_again && chaos destroy noop
}
busy() { exits 1 "being read by another process" timeout 2 chaos console noop; }
free_again() { # it attached, and nothing but the time ended it
    timeout 1 chaos console noop
    case $? in 0 | 124 | 143) ;; *) return 1 ;; esac
}

nobody_reads() { # 1000 lines do not fit in the ring, and it goes on
    chaos create chatter.cfg && until_true 20 state_is chatter blocked &&
        chaos shutdown -w -t 10 chatter && gone chatter
}

leaves_with_escape() {
    chaos create noop.cfg || return
    # script(1) gives it a terminal to type Ctrl-] on.
    printf '\035' | timeout 20 socat - \
        "EXEC:chaos console noop,pty,raw,echo=0,setsid,ctty" &&
        state_is noop blocked && chaos destroy noop
}

for type in pvh pv; do
    suite=console/$type
    for image in noop parrot; do config $type $image >$image.cfg; done
    config $type chatter 'extra = "lines=1000"' >chatter.cfg
    check "input and output" echoes
    check "attach after the start" attaches_later
    check "a second reader is refused" second_reader
    check "a guest that nobody reads goes on" nobody_reads
    check "Ctrl-] leaves" leaves_with_escape
done
