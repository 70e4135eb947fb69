#!/usr/bin/env bash
# Every fuzz target of the tree is in the list that CI replays and ./dev fuzz takes its names from, and in the table of the README.
set -euo pipefail

root=$(dirname "$(readlink -f "${1:?usage: list_test.sh path/to/ARCHITECTURE.md}")")
cd "$root"

bad=0 seen=0
while IFS=: read -r build _ name; do
    name=${name//[\", ]/}
    name=${name#name=}
    folder=$(dirname "$build")
    label=//$folder:$name
    [[ $folder != tests/fuzz ]] || label=:$name
    seen=$((seen + 1))
    grep -qF "\"$label\"," tests/fuzz/BUILD || {
        echo "$label is not in the list of tests/fuzz/BUILD"
        bad=1
    }
    grep -qF "| \`$name\` |" tests/fuzz/README.md || {
        echo "$name has no row in tests/fuzz/README.md"
        bad=1
    }
done < <(find bazel hub shared worker tests -name BUILD -exec awk '
    /^pek_cc_fuzz\(/ { on = 1 }
    on && $1 == "name" { print FILENAME ":" FNR ":" $0; on = 0 }' {} + | sort)
((seen >= 20)) || {
    echo "only $seen targets were seen: the test looks at the wrong place"
    bad=1
}
echo "$seen targets"
exit "$bad"
