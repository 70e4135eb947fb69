# shellcheck shell=bash
# What all commands of ./dev share: how they speak, where things are, how programs are started and stopped.
# Sourced by ./dev, which sets `ROOT`.

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "dev: $*"
    exit 1
}

# The first word of a usage text's caller: prints the text when --help is among the arguments, and ends.
help_if_asked() { # text arguments…
    local text=$1 argument
    shift
    for argument in "$@"; do
        case $argument in
            -h | --help)
                printf '%s\n' "$text"
                exit 0
                ;;
            --) return ;;
        esac
    done
}

# Runs a command that says nothing for long, and tells every ten seconds that it goes on.
with_patience() { # what command…
    local what=$1 began=$SECONDS teller status=0
    shift
    while sleep 10 >/dev/null 2>&1; do
        say "dev: $what, $((SECONDS - began)) s"
    done &
    teller=$!
    "$@" || status=$?
    kill "$teller" 2>/dev/null || true
    wait "$teller" 2>/dev/null || true
    return "$status"
}

# ---- where things are -------------------------------------------------------------------------------------

BUILD_DIR=$ROOT/.pek # binaries and tools; the data of a federation is in --data, by default the same folder
DATA=$BUILD_DIR
# shellcheck disable=SC2034 # the commands use it
REALMS=(hub worker-acme worker-conference)

data_set() { # folder
    mkdir -p "$1/log" "$1/run" "$1/keys" "$1/config"
    DATA=$(cd "$1" && pwd)
    chmod 700 "$DATA/keys"
}

database_of() { # realm
    printf 'pek_%s\n' "${1//-/_}"
}

# A unix socket's path has 107 bytes at most, so sockets live in a short folder named after the data.
socket_dir() {
    printf '/tmp/pek-%s-%s\n' "$(id -u)" "$(printf '%s' "$DATA" | cksum | cut -d' ' -f1)"
}

conninfo() { # realm [role]: without one that of its program, which has the name of the database
    printf 'host=%s dbname=%s user=%s\n' "$(socket_dir)" "$(database_of "$1")" "${2:-$(database_of "$1")}"
}

# What `up` remembers of how it was started, for the other commands: one `name=value` a line.
state_write() { # name=value…
    printf '%s\n' "$@" >"$DATA/run/state"
}

state_get() { # name
    [[ -f $DATA/run/state ]] || return 1
    sed -n "s/^$1=//p" "$DATA/run/state"
}

hub_names() { # how many; 1 when it is not known
    local i
    printf 'pek-hub\n'
    for ((i = 2; i <= ${1:-1}; i++)); do
        printf 'pek-hub-%s\n' "$i"
    done
}

# ---- programs ---------------------------------------------------------------------------------------------

# A program sees nothing of this shell's environment but what is named here: PEK_ variables would
# configure it.
program_environment() {
    local name
    printf '%s\n' "PATH=$PATH" "HOME=${HOME:-/}" LC_ALL=C.UTF-8 TZ=UTC
    for name in ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS LSAN_OPTIONS ASAN_SYMBOLIZER_PATH; do
        [[ -z ${!name:-} ]] || printf '%s=%s\n' "$name" "${!name}"
    done
}

# In a session of its own, so that Ctrl-C reaches only ./dev, which stops everything in the right order.
program_start() { # name command…
    local name=$1 environment
    shift
    mapfile -t environment < <(program_environment)
    printf '%s\n' "$@" >"$DATA/run/$name.command"
    setsid env -i "${environment[@]}" "$@" >>"$DATA/log/$name.log" 2>&1 </dev/null &
    printf '%s\n' "$!" >"$DATA/run/$name.pid"
    disown
}

program_start_again() { # name
    local command
    [[ -f $DATA/run/$1.command ]] || die "'$1' was never started here; ./dev status lists what was"
    mapfile -t command <"$DATA/run/$1.command"
    program_start "$1" "${command[@]}"
}

# Prints the pid of a program that runs: not of a zombie, nor of a stranger who inherited the number.
program_pid() { # name
    local pid status
    pid=$(cat "$DATA/run/$1.pid" 2>/dev/null) || return 1
    status=$(sed -n 's/^State:[[:blank:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null) || return 1
    [[ -n $status && $status != Z ]] || return 1
    # Its command line names the data folder; PostgreSQL's names the socket folder.
    grep -qszF -e "$DATA" -e "$(socket_dir)" "/proc/$pid/cmdline" || return 1
    printf '%s\n' "$pid"
}

program_stop() { # name signal seconds
    local pid tries=$(($3 * 20))
    if ! pid=$(program_pid "$1"); then
        rm -f "$DATA/run/$1.pid"
        return 0
    fi
    kill "-$2" "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true # one that is stopped could not obey
    while program_pid "$1" >/dev/null; do
        if ((tries-- == 0)); then
            say "dev: $1 (pid $pid) did not stop within $3 s, killing it; see $DATA/log/$1.log"
            kill -KILL "$pid" 2>/dev/null || true
            break
        fi
        sleep 0.05
    done
    rm -f "$DATA/run/$1.pid"
}

# Waits until a command succeeds; gives up when a program dies meanwhile or time is over.
wait_until() { # seconds program command…
    local tries=$(($1 * 20)) program=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! program_pid "$program" >/dev/null; then
            tail -n 5 "$DATA/log/$program.log" >&2 || true
            say "dev: $program ended instead of starting; all of its log is $DATA/log/$program.log"
            return 1
        fi
        if ((tries-- == 0)); then
            tail -n 5 "$DATA/log/$program.log" >&2 || true
            say "dev: $program is not ready; its log is $DATA/log/$program.log"
            return 1
        fi
        sleep 0.05
    done
}

# Whether somebody listens there on loopback or everywhere. Not by connecting, for which a busy listener has no room.
port_in_use() { # port
    local hex
    printf -v hex '%04X' "$1"
    awk -v port="$hex" '$4 == "0A" && $2 ~ "^(0100007F|0+|0+FFFF00000100007F):" port "$" { found = 1 } END { exit !found }' \
        <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
}

free_ports() { # count: that many in a row, below those that the system gives to clients
    local first port
    for ((first = 18000 + RANDOM % 8000; ; first += $1)); do
        for ((port = first; port < first + $1; port++)); do
            ! port_in_use "$port" || continue 2
        done
        printf '%s\n' "$first"
        return
    done
}

hub_is_ready() { # port
    curl --silent --fail --max-time 2 --output /dev/null "http://127.0.0.1:$1/readyz"
}

# Of a federation that was started for tests or measuring, where one user makes all the load: no limit of theirs.
lift_user_limits() { # port
    local line hub
    for line in 'searches_per_second = 0' 'writes_per_second = 0' 'requests_per_user_max = 10000' 'live_streams_per_user_max = 1000'; do
        # A hub of before, which is measured beside this one, need not know them.
        ! grep -q "\"${line%% *}\"" "$ROOT/hub/config.c" || printf '%s\n' "$line" >>"$DATA/config/pek-hub.conf"
    done
    for hub in $(hub_names "$(state_get hubs)"); do
        "$ROOT/dev" restart "$hub" --data "$DATA" >&2
    done
    wait_until 60 pek-hub hub_is_ready "$1" || die "the hub did not get ready"
}

# ---- building ---------------------------------------------------------------------------------------------

# Copies, so that building for tests or another mode does not pull the files from under a running program.
# Another commit, in a tree of its own.
worktree_add() { # folder commit
    git -C "$ROOT" worktree add --detach "$1" "$2" >&2
}

worktree_remove() { # folder
    [[ -d $1 ]] || return 0
    (cd "$1" && bazel clean --expunge && bazel shutdown) >&2 || true
    git -C "$ROOT" worktree remove --force "$1" || true
}

build_programs() { # bazel config
    local out bin=$BUILD_DIR/bin/$1 program
    say "dev: building ($1)"
    (cd "$ROOT" && bazel build --show_progress --show_progress_rate_limit=10 --config="$1" //hub:pek-hub //hub/pekctl:pekctl //worker:pek-worker) >&2 ||
        die "the build failed; what it needs is installed by ./dev setup"
    out=$(cd "$ROOT" && bazel info --config="$1" bazel-bin 2>/dev/null)
    mkdir -p "$bin"
    for program in hub/pek-hub hub/pekctl/pekctl worker/pek-worker; do
        cmp -s "$out/$program" "$bin/${program##*/}" || install -m 755 "$out/$program" "$bin/"
    done
}
