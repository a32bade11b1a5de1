# SPDX-License-Identifier: MIT
# examples/embed.c, built by tests/check from the installed library alone.
. "$(dirname "$0")/../lib.sh"
unset CHAOS_RUN_DIR

embeds() {
    LD_LIBRARY_PATH=$CHAOS_ROOT/build/installed/usr/local/lib \
        "$CHAOS_ROOT/build/embed" "$images/pvh/noop" >out
    cat out
    grep -q ' embedded 4096 KiB' out && gone embedded
}

check "a program creates and destroys a guest" embeds
