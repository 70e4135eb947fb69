#!/bin/bash
# What tests may count on: a program links and runs, TMPDIR is short enough for a Unix socket, loopback
# can be bound, and PostgreSQL's programs are where the fixture looks for them.
set -euo pipefail

[[ $("$1") == 84 ]]

socket="$TMPDIR/pek-test-123456/socket/.s.PGSQL.54321"
[[ ${#socket} -lt 100 ]]
[[ -w $TMPDIR ]]

compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null

# Bind and connect on loopback with what bash and openssl have.
coproc SERVER { exec openssl s_server -accept 127.0.0.1:0 -nocert -naccept 1 2>&1; }
server=$SERVER_PID
trap 'kill "$server" 2>/dev/null || true' EXIT
port=
while [[ -z $port ]] && read -r -t 30 -u "${SERVER[0]}" line; do
    [[ $line =~ ^ACCEPT\ 127\.0\.0\.1:([0-9]+)$ ]] && port=${BASH_REMATCH[1]}
done
[[ -n $port ]]
exec {peer}<>"/dev/tcp/127.0.0.1/$port"
exec {peer}>&-
