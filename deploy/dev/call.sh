# shellcheck shell=bash
# ./dev token, grpc, psql, verify: straight to one realm, past the hub; ctl: to the hub's registry.
# shellcheck source=deploy/dev/postgres.sh
source "$PARTS/postgres.sh"

readonly token_help='usage: ./dev token REALM USER [--data DIR]

Prints an instance token, good for five minutes, that the realm believes: for calls straight to its worker.
Signed with the key in the data folder; a realm that is in production has its key elsewhere.

  ./dev token worker-acme alice'

readonly grpc_help='usage: ./dev grpc REALM [--as USER] [--data DIR] list [SERVICE]
       ./dev grpc REALM [--as USER] [--data DIR] describe [SYMBOL]
       ./dev grpc REALM [--as USER] [--data DIR] SERVICE/METHOD [-d JSON] [further options]

Calls the worker of REALM with grpcurl, or buf curl where that is what there is, with the certificate that
the worker asks for and a token of USER (alice unless told; --as nobody sends none).

  ./dev grpc worker-acme list
  ./dev grpc worker-acme describe pek.group.v1.GroupService
  ./dev grpc worker-acme --as bob pek.group.v1.GroupService/ListGroups -d '"'"'{"q": "kör"}'"'"

readonly ctl_help='usage: ./dev ctl [--data DIR] COMMAND …

Runs pekctl on the hub of the federation: adds, drains and removes realms, makes users administrators of the hub.
`./dev ctl help` is the help of pekctl itself.

  ./dev ctl instance list
  ./dev ctl instance drain worker-acme
  ./dev ctl user admin alice'

readonly psql_help='usage: ./dev psql REALM [--data DIR] [psql options…]

A prompt in the database of the realm, as the role that the worker has: it sees the rows of that realm.
`-U pek_owner` may change tables, `-U postgres` may do everything.

  ./dev psql worker-acme -c "SELECT id, name FROM pek.realm_group LIMIT 5"'

readonly verify_help='usage: ./dev verify REALM [--data DIR]

Asks the tables of the realm whether all that must hold does: a line for each invariant, exit code 1 when one is broken.

  ./dev verify worker-acme'

readonly grpcurl_version=v1.9.3

# Sets `realm`, `DATA`, `user` and `words`, from what is before and after the realm.
take_realm() { # what arguments…
    local what=$1 folder=$BUILD_DIR
    shift
    realm='' user=alice words=()
    while [[ $# -gt 0 ]]; do
        case $1 in
            --data) folder=${2:?--data takes a folder} && shift ;;
            --as) user=${2:?--as takes a user} && shift ;;
            *) if [[ -z $realm ]]; then realm=$1; else words+=("$1"); fi ;;
        esac
        shift
    done
    [[ -n $realm ]] || die "$what of which realm? One of ${REALMS[*]}"
    [[ -f $folder/run/state ]] || die "nothing runs with the data folder $folder; ./dev up starts it"
    DATA=$(cd "$folder" && pwd)
    [[ -f $DATA/config/$realm.conf && " $(state_get realms) " == *" $realm "* ]] ||
        die "there is no realm '$realm' here, only: $(state_get realms)"
}

token_of() { # realm user
    env -i PATH="$PATH" "$(state_get bin)/pek-worker" --config "$DATA/config/$1.conf" --user "$2" token
}

cmd_token() {
    local realm user words
    help_if_asked "$token_help" "$@"
    take_realm token "$@"
    [[ ${#words[@]} -eq 1 ]] || die "token of whom? ./dev token $realm alice"
    token_of "$realm" "${words[0]}"
}

cmd_verify() {
    local realm user words
    help_if_asked "$verify_help" "$@"
    take_realm verify "$@"
    env -i PATH="$PATH" "$(state_get bin)/pek-worker" --config "$DATA/config/$realm.conf" verify
}

cmd_ctl() {
    local folder=$BUILD_DIR words=()
    help_if_asked "$ctl_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --data) folder=${2:?--data takes a folder} && shift ;;
            help) words+=(--help) ;;
            *) words+=("$1") ;;
        esac
        shift
    done
    [[ -f $folder/run/state ]] || die "nothing runs with the data folder $folder; ./dev up starts it"
    DATA=$(cd "$folder" && pwd)
    env -i PATH="$PATH" "$(state_get bin)/pekctl" --config "$DATA/config/pek-hub.conf" "${words[@]}"
}

cmd_psql() {
    local realm user words
    help_if_asked "$psql_help" "$@"
    take_realm psql "$@"
    PGOPTIONS="-c pek.realm=$realm" exec "$(postgres_bin)/psql" -h "$(socket_dir)" \
        -d "$(database_of "$realm")" -U "$(database_of "$realm")" "${words[@]}"
}

# Prints the path of grpcurl, which is built where Go is; fails when there is none.
find_grpcurl() {
    local bin=$BUILD_DIR/bin/tools
    if command -v grpcurl; then
        return 0
    fi
    if [[ ! -x $bin/grpcurl ]] && command -v go >/dev/null; then
        say "dev: building grpcurl, once"
        (cd / && GOBIN=$bin go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_version") >&2 || true
    fi
    [[ -x $bin/grpcurl ]] && printf '%s\n' "$bin/grpcurl"
}

worker_address() { # realm
    local port i=0 name
    port=$(state_get worker_port)
    for name in $(state_get realms); do
        [[ $name == hub ]] && continue
        if [[ $name == "$1" ]]; then
            printf '127.0.0.1:%s\n' "$((port + i))"
            return
        fi
        i=$((i + 1))
    done
    die "realm '$1' is hosted by the hub in its own process and has no gRPC port; ask it over HTTP"
}

# The one of this machine, or the one that came with the end-to-end tests.
find_buf() {
    local ours=$ROOT/tests/e2e/node_modules/@bufbuild/buf-linux-x64/bin/buf
    command -v buf || { [[ -x $ours ]] && printf '%s\n' "$ours"; }
}

# buf curl has options of its own for what grpcurl's words say.
call_with_buf() { # buf address realm user words…
    local buf=$1 address=$2 realm=$3 user=$4 scheme=https options=(--protocol grpc)
    shift 4
    if [[ $(state_get plaintext) == true ]]; then
        scheme=http
        options+=(--http2-prior-knowledge)
    else
        options+=(--cacert "$DATA/keys/ca.crt" --cert "$DATA/keys/pek-hub.crt" --key "$DATA/keys/pek-hub.key"
            --servername "$realm")
    fi
    [[ $user == nobody ]] || options+=(--header "authorization: Bearer $(token_of "$realm" "$user")")
    case ${1-list} in
        list)
            if [[ $# -ge 2 ]]; then
                "$buf" curl "${options[@]}" --list-methods "$scheme://$address" | grep -F "$2/"
            else
                exec "$buf" curl "${options[@]}" --list-services "$scheme://$address"
            fi
            ;;
        describe)
            say "dev: buf curl knows a service's methods, not its messages; with Go grpcurl describes both, and protos/ has them"
            "$buf" curl "${options[@]}" --list-methods "$scheme://$address" | grep -F "${2-}"
            ;;
        *) exec "$buf" curl "${options[@]}" "${@:2}" "$scheme://$address/$1" ;;
    esac
}

# grpcurl wants options first, address, then words.
call_with_grpcurl() { # grpcurl address realm user words…
    local grpcurl=$1 address=$2 realm=$3 user=$4 options=() verbs=()
    shift 4
    if [[ $(state_get plaintext) == true ]]; then
        options+=(-plaintext)
    else
        options+=(-cacert "$DATA/keys/ca.crt" -cert "$DATA/keys/pek-hub.crt" -key "$DATA/keys/pek-hub.key"
            -servername "$realm")
    fi
    # The variable stays out of the command line, which every user of the machine can read.
    if [[ $user != nobody ]]; then
        PEK_TOKEN=$(token_of "$realm" "$user")
        export PEK_TOKEN
        # shellcheck disable=SC2016 # grpcurl expands it
        options+=(-expand-headers -H 'authorization: Bearer ${PEK_TOKEN}')
    fi
    while [[ $# -gt 0 ]]; do
        case $1 in
            -d | -H | -rpc-header | -reflect-header | -max-time | -format)
                options+=("$1" "${2?$1 takes a value}")
                shift
                ;;
            -*) options+=("$1") ;;
            *) verbs+=("$1") ;;
        esac
        shift
    done
    [[ ${#verbs[@]} -gt 0 ]] || verbs=(list)
    exec "$grpcurl" "${options[@]}" "$address" "${verbs[@]}"
}

cmd_grpc() {
    local realm user words address grpcurl buf
    help_if_asked "$grpc_help" "$@"
    take_realm grpc "$@"
    address=$(worker_address "$realm")
    if grpcurl=$(find_grpcurl); then
        call_with_grpcurl "$grpcurl" "$address" "$realm" "$user" "${words[@]}"
    elif buf=$(find_buf); then
        call_with_buf "$buf" "$address" "$realm" "$user" "${words[@]}"
    else
        die "neither grpcurl nor buf is there: with Go the first call builds grpcurl, with node and npm ./dev setup brings buf"
    fi
}
