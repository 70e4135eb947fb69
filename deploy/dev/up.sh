# shellcheck shell=bash
# ./dev up, down, status, restart: a whole federation on one machine.
# shellcheck source=deploy/dev/postgres.sh
source "$PARTS/postgres.sh"
# shellcheck source=deploy/dev/keys.sh
source "$PARTS/keys.sh"
# shellcheck source=deploy/dev/web.sh
source "$PARTS/web.sh"

readonly up_help='usage: ./dev up [--port N] [--data DIR] [--reset] [--detach] [--realms hub|N] [--plaintext]
                [--worker-port N] [--hubs N] [--replicas N] [--build CONFIG] [--programs DIR]

Installs what is missing, builds, and starts: a private PostgreSQL on a unix socket, the hub with realm `hub`
in its own process, and the workers worker-acme and worker-conference; loads the demo data once; prints, last,
`ready http://127.0.0.1:8080`. Stays in the foreground: Ctrl-C or SIGTERM stops everything, in order.

  --port N         of the web site, 8080 unless told
  --worker-port N  of worker-acme, 7101 unless told; worker-conference has the next one
  --data DIR       keeps everything there: database, keys, logs; .pek unless told
  --reset          forget what is there and start anew
  --detach         return when ready; ./dev down stops
  --realms hub     MVP mode: one process that hosts realm `hub`, no worker
  --realms N       so many realms, 1 to 64: behind the third come worker-004, worker-005, …, each with a few groups
                   of its own, in which alice may do everything
  --hubs N         so many hubs share the port and the database: pek-hub, pek-hub-2, … (1 to 8)
  --replicas N     so many processes of each worker over one database: worker-acme, worker-acme-2, … (1 to 4); the
                   second ones have the ports behind those of the first
  --plaintext      workers speak gRPC without TLS
  --build CONFIG   release (default), or fastbuild, asan, ubsan, tsan
  --programs DIR   those of that folder, and nothing is built

Then: curl -c jar "http://127.0.0.1:8080/auth/dev?user=alice"
      curl -b jar "http://127.0.0.1:8080/api/v1/groups?pageSize=5"'

readonly down_help='usage: ./dev down [--data DIR]

Stops what `./dev up` started with this data folder: the hub, the workers, PostgreSQL. Data stays.'

readonly status_help='usage: ./dev status [--data DIR]

Says which programs run, under which pid, and where they listen. Ends with 0 when all of them run.'

readonly restart_help='usage: ./dev restart PROGRAM [--data DIR] [--kill]

Stops PROGRAM (pek-hub, pek-hub-2, worker-acme, worker-acme-2, worker-conference or postgres) by SIGTERM, or by SIGKILL with --kill,
and starts it as it was started.'

readonly stop_seconds=30 # the programs drain for up to 20

# ---- configuration files ----------------------------------------------------------------------------------

demo_kind_of() { # realm
    [[ $1 == worker-[0-9]* ]] && printf 'small\n' || printf '%s\n' "${1#worker-}"
}

# That of the realm's worker; realm `hub` has one too, for the commands migrate, demo and token.
write_worker_config() { # realm port plaintext
    cat >"$DATA/config/$1.conf" <<CONF
realm = $1
listen = 127.0.0.1:$2
database = "$(conninfo "$1")"
database_owner = "$(conninfo "$1" pek_owner)"
instance_key = $DATA/keys/$1.pem
hub_keys = $DATA/keys/pek-hub.pub.pem
demo_kind = $(demo_kind_of "$1")
CONF
    # Many of them share one PostgreSQL.
    if [[ $1 == worker-[0-9]* ]]; then
        printf '%s_connections = 1\n' read long_read transaction >>"$DATA/config/$1.conf"
    fi
    if [[ $3 == true ]]; then
        printf 'plaintext = true\n'
    else
        printf 'tls_ca = %s\ntls_certificate = %s\ntls_key = %s\n' \
            "$DATA/keys/ca.crt" "$DATA/keys/$1.crt" "$DATA/keys/$1.key"
    fi >>"$DATA/config/$1.conf"
}

# Where the replicas of each worker listen, a line each: name, realm, port.
worker_places() { # worker-port replicas worker…
    local port=$1 replicas=$2 realm i
    shift 2
    for ((i = 1; i <= replicas; i++)); do
        for realm in "$@"; do
            [[ $i -eq 1 ]] && printf '%s %s %d\n' "$realm" "$realm" "$((port++))" ||
                printf '%s-%d %s %d\n' "$realm" "$i" "$realm" "$((port++))"
        done
    done
}

write_hub_config() { # port hubs worker-port replicas plaintext worker…
    local port=$1 hubs=$2 worker_port=$3 replicas=$4 plaintext=$5 realm instances=() targets
    shift 5
    for realm in "$@"; do
        targets=$(worker_places "$worker_port" "$replicas" "$@" | awk -v realm="$realm" '$2 == realm { print "127.0.0.1:" $3 }')
        instances+=("$realm=$([[ $replicas -eq 1 ]] || printf 'ipv4:')${targets//$'\n'/,}")
    done
    cat >"$DATA/config/pek-hub.conf" <<CONF
listen = 127.0.0.1:$port
database = "$(conninfo hub)"
database_owner = "$(conninfo hub pek_owner)"
hub_key = $DATA/keys/pek-hub.pem
instances = $(IFS=,; printf '%s' "${instances[*]}")
local_realm = hub
local_instance_key = $DATA/keys/hub.pem
dev_login = true
site_folder = $WEB/dist
listen_shared = $([[ $hubs -eq 1 ]] && echo false || echo true)
CONF
    if [[ $plaintext == false && $# -gt 0 ]]; then
        printf '%s = %s\n' tls_ca "$DATA/keys/ca.crt" tls_certificate "$DATA/keys/pek-hub.crt" \
            tls_key "$DATA/keys/pek-hub.key" >>"$DATA/config/pek-hub.conf"
    fi
}

# ---- starting ---------------------------------------------------------------------------------------------

run_once() { # what command…
    local name=$1 environment
    shift
    mapfile -t environment < <(program_environment)
    env -i "${environment[@]}" "$@" >>"$DATA/log/$name.log" 2>&1 </dev/null || {
        tail -n 5 "$DATA/log/$name.log" >&2
        die "$name failed; all of its log is $DATA/log/$name.log"
    }
}

# Each waits for the disk most of its time.
readonly fill_at_once=8

fill_realm() { # bin realm
    [[ $2 == hub ]] || run_once migrate "$1/pek-worker" --config "$DATA/config/$2.conf" migrate
    run_once demo "$1/pek-worker" --config "$DATA/config/$2.conf" demo
}

migrate_and_fill() { # bin realm…
    local bin=$1 realm pid filling=()
    shift
    run_once migrate "$bin/pek-hub" --config "$DATA/config/pek-hub.conf" migrate
    for realm in "$@"; do
        if [[ ${#filling[@]} -ge $fill_at_once ]]; then
            wait "${filling[0]}" || exit 1
            filling=("${filling[@]:1}")
        fi
        fill_realm "$bin" "$realm" &
        filling+=("$!")
    done
    for pid in "${filling[@]}"; do
        wait "$pid" || exit 1
    done
    sql hub pek_owner -f "$PARTS/demo_users.sql"
    forget_others "$@"
}

# Of a start with more --realms; every list would name them as unreachable. Started again they are registered again.
forget_others() { # realm…
    sql hub pek_owner -c "DELETE FROM hub.instance
        WHERE realm ~ '^worker-[0-9]{3}\$' AND realm <> ALL (string_to_array('$*', ' '))"
}

hub_answers() { # port path
    curl --silent --fail --max-time 2 --output /dev/null "http://127.0.0.1:$1$2"
}

# The registry tells what the workers' own health service says.
all_serving() { # port count
    local jar=$DATA/run/alice.jar serving
    [[ -s $jar ]] || (umask 077 && curl --silent --fail --max-time 2 --output /dev/null \
        --cookie-jar "$jar" "http://127.0.0.1:$1/auth/dev?user=alice") || return 1
    serving=$(curl --silent --fail --max-time 2 --cookie "$jar" "http://127.0.0.1:$1/api/v1/instances?pageSize=100" |
        grep -o '"status":"SERVING"' | wc -l) || return 1
    [[ $serving -ge $2 ]]
}

# To a person the others are of use; who starts it for something else wants all.
say_not_serving() { # port
    curl --silent --fail --max-time 2 --cookie "$DATA/run/alice.jar" "http://127.0.0.1:$1/api/v1/instances?pageSize=100" |
        sed 's/{"realm":/\n&/g' | grep '^{"realm":' | grep -v '"status":"SERVING"' |
        sed 's/^{"realm":"\([^"]*\)".*"status":"\([^"]*\)".*/dev: \1 is \2/' >&2 || true
    say "dev: not every realm serves; ./dev up without --detach goes on with the others, ./dev ctl instance list tells where the hub looks for each, and why"
}

# Which of them answers is not known from outside, so each one's log is asked.
hub_listens() { # name lines
    [[ $(grep -c '"event":"hub.listening"' "$DATA/log/$1.log") -gt $2 ]]
}

start_programs() { # bin port hubs worker-port replicas worker…
    local bin=$1 port=$2 hubs=$3 places place name realm worker_port hub before
    mapfile -t places < <(worker_places "${@:4}")
    shift 5
    for place in "${places[@]}"; do
        read -r name realm worker_port <<<"$place"
        program_start "$name" "$bin/pek-worker" --config "$DATA/config/$realm.conf" --listen "127.0.0.1:$worker_port" serve
    done
    for hub in $(hub_names "$hubs"); do
        before=$(grep -c '"event":"hub.listening"' "$DATA/log/$hub.log" 2>/dev/null) || true
        program_start "$hub" "$bin/pek-hub" --config "$DATA/config/pek-hub.conf" serve
        wait_until 60 "$hub" hub_listens "$hub" "${before:-0}" || return 1
    done
    for place in "${places[@]}"; do
        read -r name realm worker_port <<<"$place"
        wait_until 60 "$name" port_in_use "$worker_port" || return 1
    done
    wait_until 60 pek-hub hub_answers "$port" /readyz || return 1
    rm -f "$DATA/run/alice.jar"
    if ! wait_until 60 pek-hub all_serving "$port" "$(($# + 1))" 2>/dev/null; then
        say_not_serving "$port"
        [[ $detach == false ]] || return 1
    fi
    rm -f "$DATA/run/alice.jar"
}

# Of what `up` started; of what it may have, when it is not known.
worker_names() {
    local realms
    read -ra realms <<<"$(state_get realms || printf '%s' "${REALMS[*]}")"
    worker_places 0 "$(state_get replicas || printf 1)" "${realms[@]:1}" | cut -d' ' -f1
}

stop_programs() {
    local name hub started
    mapfile -t started < <(worker_names)
    for hub in $(hub_names "$(state_get hubs || true)"); do
        program_stop "$hub" TERM "$stop_seconds"
    done
    # Told all at once, waited for one after the other.
    for name in "${started[@]}"; do
        kill -TERM "$(program_pid "$name")" 2>/dev/null || true
    done
    for name in "${started[@]}"; do
        program_stop "$name" TERM "$stop_seconds"
    done
    postgres_stop
    rm -f "$DATA/run/state"
    rm -rf "$(socket_dir)"
}

# Stays until told to stop, or until the hub is gone; tells of a worker that ends by itself.
stay() { # program…
    local program stopping=false
    local -A gone=()
    trap 'stopping=true' INT TERM HUP
    while [[ $stopping == false ]]; do
        sleep 1 &
        wait "$!" || true
        [[ $stopping == false ]] || break
        if [[ ! -f $DATA/run/state ]]; then
            return 0 # ./dev down was here
        fi
        for program in "$@"; do
            if program_pid "$program" >/dev/null; then
                gone[$program]=''
            elif [[ -z ${gone[$program]:-} ]]; then
                gone[$program]=yes
                say "dev: $program has ended; see $DATA/log/$program.log; ./dev restart $program starts it again"
            fi
        done
    done
    trap '' INT TERM HUP # once is enough
    say "dev: stopping"
    stop_programs
}

take_port() { # option value
    [[ $2 =~ ^[0-9]{1,5}$ && $2 -ge 1 && $2 -le 65535 ]] || die "$1 takes a port, 1 to 65535, not '$2'"
    printf '%s\n' "$2"
}

# All ports, before anything is made or stopped: each is somebody's, and nobody has it yet.
look_at_ports() { # port worker-port replicas worker…
    local port=$1 name realm wanted
    ! port_in_use "$port" || die "port $port is in use by another program; choose another --port"
    while read -r name realm wanted; do
        [[ $wanted -le 65535 ]] || die "there is no port $wanted for $name; choose another --worker-port"
        [[ $wanted -ne $port ]] || die "port $port is asked for twice, also for $name; choose another --port"
        ! port_in_use "$wanted" || die "port $wanted is in use by another program; choose another --worker-port"
    done < <(worker_places "${@:2}")
}

cmd_up() {
    local port=8080 worker_port=7101 folder=$BUILD_DIR reset=false detach=false plaintext=false build=release hubs=1 replicas=1
    local realms=("${REALMS[@]}") bin=''
    help_if_asked "$up_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --port) port=$(take_port "$1" "${2-}") ;;
            --worker-port) worker_port=$(take_port "$1" "${2-}") ;;
            --data) folder=${2:?--data takes a folder} ;;
            --hubs)
                [[ ${2-} =~ ^[1-8]$ ]] || die "--hubs takes a number, 1 to 8"
                hubs=$2
                ;;
            --replicas)
                [[ ${2-} =~ ^[1-4]$ ]] || die "--replicas takes a number, 1 to 4"
                replicas=$2
                ;;
            --build) build=${2:?--build takes a configuration of .bazelrc} ;;
            --programs) bin=$(cd "${2:?--programs takes a folder}" && pwd) ;;
            --realms)
                [[ ${2-} == hub || (${2-} =~ ^[1-9][0-9]?$ && $2 -le 64) ]] ||
                    die "--realms takes 'hub', for one process, or a number, 1 to 64; three run without it"
                mapfile -t realms < <(realm_names "$2")
                ;;
            --reset | --detach | --plaintext)
                printf -v "${1#--}" true
                shift
                continue
                ;;
            *) die "up does not know '$1'; see ./dev up --help" ;;
        esac
        shift 2
    done
    if [[ -d $folder/run ]]; then
        data_set "$folder"
        if program_pid pek-hub >/dev/null || program_pid postgres >/dev/null; then
            [[ $reset == true || ! -f $DATA/run/state ]] ||
                die "it already runs with this data, at http://127.0.0.1:$(state_get port); ./dev down stops it"
            stop_programs
        fi
    fi
    look_at_ports "$port" "$worker_port" "$replicas" "${realms[@]:1}"
    # Only now what takes minutes, or leaves anything behind.
    data_set "$folder"
    (setup_programs)
    if [[ -z $bin ]]; then
        build_programs "$build"
        bin=$BUILD_DIR/bin/$build
    fi
    web_build
    if [[ $reset == true ]]; then
        postgres_forget
        rm -rf "$DATA/log" "$DATA/run" "$DATA/keys" "$DATA/config"
        data_set "$folder"
    fi
    # What was started is stopped whatever goes wrong from here on.
    trap stop_programs EXIT
    trap 'exit 130' INT TERM HUP
    bring_up "$bin" "$port" "$hubs" "$worker_port" "$replicas" "$plaintext" "${realms[@]}"
    trap - EXIT
    printf 'ready http://127.0.0.1:%s\n' "$port"
    # shellcheck disable=SC2046 # names, a line each
    [[ $detach == true ]] || stay $(hub_names "$hubs") $(worker_names) postgres
}

realm_names() { # how many, or hub
    local i
    for ((i = 1; i <= ${1/hub/1}; i++)); do
        [[ $i -gt ${#REALMS[@]} ]] && printf 'worker-%03d\n' "$i" || printf '%s\n' "${REALMS[i - 1]}"
    done
}

bring_up() { # bin port hubs worker-port replicas plaintext realm…
    local bin=$1 port=$2 hubs=$3 worker_port=$4 replicas=$5 plaintext=$6 realm i=0
    shift 6
    make_keys "$@"
    write_hub_config "$port" "$hubs" "$worker_port" "$replicas" "$plaintext" "${@:2}"
    write_worker_config hub 0 true
    for realm in "${@:2}"; do
        write_worker_config "$realm" "$((worker_port + i++))" "$plaintext"
    done
    say "dev: starting PostgreSQL"
    postgres_start
    postgres_make_databases "$@"
    say "dev: migrations and demo data"
    migrate_and_fill "$bin" "$@"
    say "dev: starting the hub$([[ $# -eq 1 ]] || printf ', %s' "${@:2}")"
    state_write "port=$port" "hubs=$hubs" "worker_port=$worker_port" "replicas=$replicas" "plaintext=$plaintext" "realms=$*" "bin=$bin"
    start_programs "$bin" "$port" "$hubs" "$worker_port" "$replicas" "${@:2}" || exit 1
}

# ---- the others -------------------------------------------------------------------------------------------

data_option() { # default arguments…: sets `DATA`, leaves the other arguments in `rest`
    local folder=$BUILD_DIR
    rest=()
    while [[ $# -gt 0 ]]; do
        if [[ $1 == --data ]]; then
            folder=${2:?--data takes a folder}
            shift
        else
            rest+=("$1")
        fi
        shift
    done
    [[ -d $folder/run ]] || die "nothing was ever started with the data folder $folder"
    DATA=$(cd "$folder" && pwd)
}

cmd_down() {
    local rest
    help_if_asked "$down_help" "$@"
    data_option "$@"
    [[ ${#rest[@]} -eq 0 ]] || die "down does not know '${rest[0]}'; see ./dev down --help"
    stop_programs
}

cmd_status() {
    local rest program pid all=true
    help_if_asked "$status_help" "$@"
    data_option "$@"
    [[ ${#rest[@]} -eq 0 ]] || die "status does not know '${rest[0]}'; see ./dev status --help"
    [[ -f $DATA/run/state ]] || {
        echo "nothing runs; ./dev up starts it"
        return 1
    }
    # Hubs host realm hub.
    for program in $(hub_names "$(state_get hubs)") $(worker_names) postgres; do
        if pid=$(program_pid "$program"); then
            printf '%-18s runs, pid %s\n' "$program" "$pid"
        else
            printf '%-18s does not run; see %s\n' "$program" "$DATA/log/$program.log"
            all=false
        fi
    done
    printf '%-18s http://127.0.0.1:%s\n' "web site" "$(state_get port)"
    [[ $all == true ]]
}

cmd_restart() {
    local rest signal=TERM program=''
    help_if_asked "$restart_help" "$@"
    data_option "$@"
    for argument in "${rest[@]}"; do
        case $argument in
            --kill) signal=KILL ;;
            -*) die "restart does not know '$argument'; see ./dev restart --help" ;;
            *) program=$argument ;;
        esac
    done
    [[ -n $program ]] || die "which program? ./dev status lists them"
    [[ -f $DATA/run/$program.command ]] || die "'$program' was never started here; ./dev status lists what was"
    if [[ $program == postgres ]]; then
        postgres_stop
        postgres_start
        return
    fi
    program_stop "$program" "$signal" "$stop_seconds"
    program_start_again "$program"
}
