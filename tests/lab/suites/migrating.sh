# SPDX-License-Identifier: MIT
# tests/xl-commands, by which docs/migrating-from-xl.md is checked, has what this
# xl has.
. "$(dirname "$0")/../lib.sh"

all_commands() {
    xl help | awk '/^ [a-z]/ { print $1 }' | sort | diff "$CHAOS_ROOT/tests/xl-commands" -
}

check "xl's commands" all_commands
