#!/usr/bin/env bash
# The alert rules, tried by promtool; and each alert has tests, quiet and firing, and a runbook under its name.
set -euo pipefail

folder=$(dirname "$(readlink -f "${1:?usage: alerts_test.sh path/to/alerts.yml}")")
runbooks=$folder/../../docs/runbooks.md
bad=0
complain() {
    printf '%s\n' "$*" >&2
    bad=1
}

mapfile -t alerts < <(sed -n 's/^ *- alert: //p' "$folder/alerts.yml")
[[ ${#alerts[@]} -gt 10 ]] || complain "only ${#alerts[@]} alerts were found: the test looks at the wrong place"
for alert in "${alerts[@]}"; do
    grep -qx "  - name: $alert" "$folder/alerts_test.yml" || complain "$alert has no test in alerts_test.yml"
    grep -qx "## $alert" "$runbooks" || complain "$alert has no runbook in $runbooks"
    grep -qF "runbook: docs/runbooks.md#${alert,,}" "$folder/alerts.yml" || complain "$alert does not name its runbook"
done
while read -r heading; do
    [[ " ${alerts[*]} " == *" $heading "* ]] || complain "the runbook $heading is of no alert"
done < <(sed -n 's/^## \(Pek.*\)$/\1/p' "$runbooks")

if command -v promtool >/dev/null; then
    cd "$folder"
    promtool check rules alerts.yml || bad=1
    promtool check config prometheus.yml || bad=1
    promtool test rules alerts_test.yml || bad=1
else
    echo "skipped: promtool is not installed (Debian's package prometheus); the rules were not tried"
fi
exit "$bad"
