# shellcheck shell=bash
# Counting for the tests of this folder: a sentence and the command that must succeed.

checks_passed=0
checks_failed=0
checks_log=$(mktemp)

check() { # sentence command…
    local sentence=$1
    shift
    # In a shell of its own, since what fails may end it.
    if ("$@") >"$checks_log" 2>&1 </dev/null; then
        checks_passed=$((checks_passed + 1))
        printf 'ok %s\n' "$sentence" >&2
    else
        checks_failed=$((checks_failed + 1))
        printf 'not ok %s\n' "$sentence" >&2
        sed 's/^/    /' "$checks_log" | tail -n 20 >&2
    fi
}

# The last line, and the exit code.
checks_end() {
    rm -f "$checks_log"
    printf '%s passed, %s failed\n' "$checks_passed" "$checks_failed"
    [[ $checks_failed -eq 0 ]]
}
