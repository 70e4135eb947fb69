#!/usr/bin/env bash
# Reads the table "Who may use whom" of ARCHITECTURE.md and every #include of the tree; fails on an include from
# one folder into another that the table does not allow, and on a folder that the table does not name.
set -euo pipefail

root=$(dirname "$(readlink -f "${1:?usage: architecture_test.sh path/to/ARCHITECTURE.md}")")
cd "$root"

allowed=$(mktemp)
trap 'rm -f "$allowed"' EXIT
# "| hub/api | shared hub/http |" → "hub/api shared hub/http"
awk -F'|' '/^## Who may use whom/ { on = 1; next } /^## / { on = 0 }
    on && NF >= 4 && $2 ~ /^ [a-z]/ && $2 !~ /folder/ { print $2, $3 }' ARCHITECTURE.md >"$allowed"
[ -s "$allowed" ] || { echo "ARCHITECTURE.md has no table 'Who may use whom'"; exit 1; }

# Not the tests, which may look into what they test with tests/support.
files=$(find shared worker hub -name '*.[chS]' ! -name '*_test.c' ! -name '*_fuzz.c' ! -path '*/testing/*' ! -path '*/testdata/*')
# shellcheck disable=SC2086 # no path of ours has blanks
grep -Hn '^#include "' $files | awk -v table="$allowed" '
    BEGIN {
        while ((getline line <table) > 0) {
            n = split(line, word, " ")
            known[word[1]] = 1
            for (i = 2; i <= n; i++) may[word[1], ++count[word[1]]] = word[i]
        }
    }
    function folder(path) { sub("/[^/]*$", "", path); return path }
    function below(path, top) { return path == top || index(path, top "/") == 1 }
    {
        split($0, part, ":")
        from = folder(part[1])
        to = $0; sub(/^[^"]*"/, "", to); sub(/".*$/, "", to)
        if (index(to, "/") == 0) next                       # third-party or own, without a folder
        target = folder(to)
        if (below(target, "pek") || below(target, "protos") || below(target, "google") || below(target, "grpc")) target = "protos"
        if (target !~ /^(shared|worker|hub|protos|tests)(\/|$)/ || target == from) next
        seen++
        if (!(from in known)) { print part[1] ": folder " from " is not in the table"; bad++; next }
        ok = 0
        for (i = 1; i <= count[from]; i++) if (below(target, may[from, i])) ok = 1
        if (!ok) { print part[1] ":" part[2] ": " from " may not use " target; bad++ }
    }
    END {
        if (seen < 50) { print "only " seen + 0 " includes were seen: the test looks at the wrong place"; bad++ }
        printf "%d includes, %d forbidden\n", seen, bad
        exit bad > 0
    }'
