#!/usr/bin/env bash
# SIGHUP as the operator's text has it: the key is the one that the file names, and a file that is refused changes nothing
# and logs no success. No database is there, which neither program needs to read its keys.
#
# usage: reload_test.sh PEK_HUB PEK_WORKER
set -euo pipefail

hub=$(readlink -f "${1:?usage: reload_test.sh PEK_HUB PEK_WORKER}")
worker=$(readlink -f "${2:?usage: reload_test.sh PEK_HUB PEK_WORKER}")
folder=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT

fail() {
    printf '%s\n' "$*"
    cat "$folder/log"
    exit 1
}

lines_of() { # event
    grep -c "\"$1\"" "$folder/log" || true
}

wait_for() { # event count
    local tries=400
    until [[ $(lines_of "$1") -ge $2 ]]; do
        ((tries-- > 0)) || fail "no $1 number $2"
        kill -0 "$pid" 2>/dev/null || fail "the program has ended instead of $1"
        sleep 0.05
    done
}

last_kid() { # component
    sed -n "s/.*\"$1.keys_reloaded\".*\"kid\":\"\([^\"]*\)\".*/\1/p" "$folder/log" | tail -n 1
}

accepted() { # component
    sed -n "s/.*\"$1.keys_reloaded\".*\"accepted\":\([0-9]*\).*/\1/p" "$folder/log" | tail -n 1
}

new_key() { # name
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$folder/$1.pem" 2>/dev/null
    chmod 600 "$folder/$1.pem"
}

# A rotation in the words of docs/operations.md, for a program whose option of the signing key is $3 and of the others $4.
rotates() { # component program key-option others-option lines-of-configuration…
    local component=$1 program=$2 key=$3 others=$4 first second
    shift 4
    local base=("$@")
    configure() {
        printf '%s\n' "${base[@]}" "$@" >"$folder/conf"
    }
    : >"$folder/log"
    configure "$key = $folder/old.pem"
    "$program" --config "$folder/conf" serve 2>"$folder/log" &
    pid=$!
    wait_for "$component.listening" 1

    kill -HUP "$pid"
    wait_for "$component.keys_reloaded" 1
    first=$(last_kid "$component")

    # Another name for the key, with the old one beside it; twice, because what was read once is remembered.
    configure "$key = $folder/next.pem" "$others = $folder/old.pem"
    kill -HUP "$pid"
    wait_for "$component.keys_reloaded" 2
    kill -HUP "$pid"
    wait_for "$component.keys_reloaded" 3
    second=$(last_kid "$component")
    [[ $second != "$first" ]] || fail "$component signs with the key that the file names no longer"
    [[ $(accepted "$component") == 2 ]] || fail "$component accepts $(accepted "$component") keys, not 2"

    # What cannot change while it runs is refused, with all else in the file.
    configure "$key = $folder/old.pem" "$others =" "drain_timeout_ms = 7s"
    kill -HUP "$pid"
    wait_for "$component.config_not_reloaded" 1
    grep '"'"$component"'.config_not_reloaded"' "$folder/log" | grep -q 'drain_timeout_ms: cannot change' || fail "no reason"
    sleep 0.5
    [[ $(lines_of "$component.keys_reloaded") == 3 ]] || fail "$component says that keys were reloaded after a refusal"

    # Nothing of it was kept. A key that is named no longer is forgotten.
    configure "$key = $folder/next.pem"
    kill -HUP "$pid"
    wait_for "$component.keys_reloaded" 4
    [[ $(last_kid "$component") == "$second" ]] || fail "$component kept something of a refused file"
    [[ $(accepted "$component") == 1 ]] || fail "$component accepts a key that is named no longer"

    # A key that cannot be read is no success either.
    configure "$key = $folder/missing.pem"
    kill -HUP "$pid"
    wait_for "$component.keys_not_reloaded" 1
    [[ $(lines_of "$component.keys_reloaded") == 4 ]] || fail "$component says that a missing key was reloaded"
    kill -TERM "$pid"
    wait "$pid" || true
    pid=
}

new_key old
new_key next
new_key realm
new_key signer
openssl ec -in "$folder/signer.pem" -pubout -out "$folder/hub.pub.pem" 2>/dev/null
rotates hub "$hub" hub_key hub_keys_previous 'listen = 127.0.0.1:0' "database = host=$folder user=pek_app"
rotates worker "$worker" instance_key instance_keys_previous 'realm = worker-acme' 'plaintext = true' \
    'listen = 127.0.0.1:0' "database = host=$folder user=pek_app" "hub_keys = $folder/hub.pub.pem"
echo ok
