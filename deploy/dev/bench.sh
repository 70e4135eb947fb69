# shellcheck shell=bash
# ./dev bench: requests per second, latency and CPU, beside pgbench in the same minutes.
# shellcheck source=deploy/dev/postgres.sh
source "$PARTS/postgres.sh"
# shellcheck source=tests/load/measure.sh
source "$ROOT/tests/load/measure.sh"

readonly bench_help='usage: ./dev bench [one] [unchanged] [any] [search] [names] [members] [scoreboard] [score] [find] [merge] [policy] [grow] [realms]
                   [--groups N] [--seconds N] [--runs N] [--connections N] [--hubs N] [--dry] [--compare REV]

Starts a federation of its own (release build, demo data and N more groups in each realm) and measures, each
case after a warm-up and as the median of several runs, with wrk:

  one      GET /api/v1/realms/worker-acme/groups/{id}    one group from one realm
  unchanged  the same, which the client has: 304
  any      GET /api/v1/groups/{id}                       one group asked of all three realms
  search   GET /api/v1/groups?q=…&pageSize=20            search over three realms, for what a fourth of the names have
  names    the same with readMask=id,name
  members  GET /api/v1/groups/{id}/members?pageSize=20   of a group with 300 members in each of three realms
  scoreboard  GET …/scoreboards/{id}/points?pageSize=60  the table of 60 members by 12 guidelines, of one realm
  score    GET /api/v1/users/me/score?semester=…         what groups of three realms come to
  find     search over 3 x 100 000 groups: a word that none has, one that one has, one that a fourth
           have, one letter
  merge    GET /api/v1/groups as NDJSON                  3 x 100 000 groups in one order
  policy   POST …/policies/{id}/children                 one policy among 1 000, 10 000, 100 000 statements
  grow     one group of a realm of 10^3 to 10^6 groups; by 1, 100, 3 000 sessions; beside 1 000 and 100 000 statements;
           and what 1 000 live streams that nobody reads take of memory in the hub
  realms   search and one group over 1, 4, 16, 64 realms: a federation of its own, so only when it is named, and alone

and the SELECT of `one` with pgbench -M prepared, in turn with the others. Prints the table and writes it
into docs/performance.md, unless --dry. Every case when none is named; 2 000 groups, 8 s, 3 runs, 32 connections.

  --hubs N        so many hubs share the port, and the row `hub us` is of all of them
  --compare REV   builds and starts that commit as well, measures the cases of wrk on both in turn, and prints what
                  this tree takes as a part of what REV takes; writes nothing'

readonly bench_group=schonherz@ac bench_groups_many=100000
bench_realms=3

# What is measured: this tree, and with --compare a commit beside it. On a side, ROOT, DATA and the session are its own.
bench_sides=()
declare -A side_root side_data side_port side_cookie

on_side() { # name
    ROOT=${side_root[$1]}
    DATA=${side_data[$1]}
    BENCH_PORT=${side_port[$1]}
    BENCH_COOKIE=${side_cookie[$1]-}
}

bench_start() { # side tree data first-port hubs
    say "dev: starting a federation to measure ($1)"
    bench_sides+=("$1")
    side_root[$1]=$2 side_data[$1]=$3 side_port[$1]=$4
    on_side "$1"
    local more=()
    # A commit of before need not know them.
    [[ $5 -eq 1 ]] || more+=(--hubs "$5")
    [[ $bench_realms -le 3 ]] || more+=(--realms "$bench_realms")
    "$ROOT/dev" up --detach --reset --data "$DATA" --port "$4" --worker-port "$(($4 + 1))" "${more[@]}" >&2
    lift_user_limits "$4"
    curl --silent --fail --output /dev/null --cookie-jar "$DATA/run/jar" "http://127.0.0.1:$4/auth/dev?user=alice"
    side_cookie[$1]=$(awk '$6 == "pek_session" { print $6 "=" $7 }' "$DATA/run/jar")
    on_side "$1"
}

# What was measured is not lost with a case that fails.
bench_stop() { # folder tree
    local side
    if [[ -s $1/this && ! -e $1/table ]]; then
        say "dev: not all cases came to their end; what was measured:"
        cat "$1/this"
    fi
    for side in "${bench_sides[@]}"; do
        "${side_root[$side]}/dev" down --data "${side_data[$side]}" || true
    done
    ROOT=$2 worktree_remove "$1/tree"
    rm -rf "$1"
}

# What is searched for among the names of tests/load/groups.sql, by the name of the row.
readonly -A bench_words=([find-fruitless]=zzqx [find-rare]=12345 [find-common]=ba [find-letter]=a)

bench_value() { # statement
    sql worker-acme postgres -Atc "$1"
}

bench_url() { # case
    local path id
    case $1 in
        one | unchanged) path=/api/v1/realms/worker-acme/groups/$bench_group ;;
        any) path=/api/v1/groups/$bench_group ;;
        search) path='/api/v1/groups?q=ba&pageSize=20' ;;
        names) path='/api/v1/groups?q=ba&pageSize=20&readMask=id,name' ;;
        members) path='/api/v1/groups/crowd@crowd/members?pageSize=20' ;;
        scoreboard)
            id=$(bench_value "SELECT id FROM pek.scoreboard WHERE group_id = 'table@table'")
            path="/api/v1/realms/worker-acme/groups/table@table/scoreboards/$id/points?pageSize=60"
            ;;
        score)
            id=$(bench_value "SELECT semester FROM pek.realm_state WHERE realm = 'worker-acme'")
            path="/api/v1/users/me/score?semester=$id"
            ;;
        realms-search) path='/api/v1/groups?q=a&pageSize=20' ;;
        realms-any) path=/api/v1/groups/konferencia@hang ;;
        find-*) path="/api/v1/groups?q=${bench_words[$1]}&pageSize=20" ;;
    esac
    printf 'http://127.0.0.1:%s%s' "$BENCH_PORT" "$path"
}

# What a request says besides; the ETag of what a client has.
bench_header() { # case
    [[ $1 == unchanged ]] || return 0
    curl --silent --fail --cookie "$BENCH_COOKIE" --dump-header - --output /dev/null "$(bench_url "$1")" |
        sed -n 's/^etag: \([^\r]*\).*/If-None-Match: \1/p'
}

# All sides in turn, so that what else the machine does is everybody's. The results of a side are in a file of its name.
run_rounds() { # folder seconds runs connections case…
    local folder=$1 seconds=$2 runs=$3 connections=$4 run name side
    shift 4
    [[ $# -gt 0 ]] || return 0
    for side in "${bench_sides[@]}"; do
        on_side "$side"
        for name in "$@"; do
            measure_http /dev/null warm-up 3 "$connections" "$(bench_url "$name")" "$(bench_header "$name")"
        done
    done
    for ((run = 1; run <= runs; run++)); do
        say "dev: run $run of $runs"
        for name in pgbench "$@"; do
            for side in "${bench_sides[@]}"; do
                on_side "$side"
                if [[ $name == pgbench ]]; then
                    measure_pgbench "$folder/$side" "$seconds" "$connections" worker-acme "$bench_group"
                else
                    measure_http "$folder/$side" "$name" "$seconds" "$connections" "$(bench_url "$name")" \
                        "$(bench_header "$name")"
                fi
            done
        done
    done
    on_side this
}

# The groups are the same in each realm but for the realm, so every item has two neighbours to be merged with.
load_groups() { # port count
    local realm program
    for realm in "${REALMS[@]}"; do
        say "dev: $2 groups into $realm"
        PGOPTIONS="-c pek.realm=$realm" sql "$realm" postgres -v count="$2" -f "$ROOT/tests/load/groups.sql"
    done
    say "dev: the realms make their sort keys"
    for program in pek-hub "${REALMS[@]:1}"; do
        "$ROOT/dev" restart "$program" --data "$DATA"
    done
    wait_until 300 pek-hub groups_are_ready "$1" || die "the realms did not get ready"
    for realm in "${REALMS[@]}"; do
        sql "$realm" postgres -c 'VACUUM ANALYZE'
    done
}

load_members() {
    local realm
    for realm in "${REALMS[@]}"; do
        PGOPTIONS="-c pek.realm=$realm" sql "$realm" postgres -v count=300 -f "$ROOT/tests/load/members.sql"
    done
}

load_scoreboard() {
    PGOPTIONS="-c pek.realm=worker-acme" sql worker-acme postgres -f "$ROOT/tests/load/scoreboard.sql"
}

run_merge() { # results runs port
    local run
    for ((run = 0; run <= $2; run++)); do
        measure_merge "$([[ $run -eq 0 ]] && echo /dev/null || echo "$1")" "http://127.0.0.1:$3/api/v1/groups"
    done
}

# One after the other: what a change waits for is the realm's lock.
run_policy() { # results port
    local base=http://127.0.0.1:$2/api/v1/realms/worker-acme/policies god parent thousands
    god=$(sql worker-acme postgres -Atc "SELECT id FROM pek.policy WHERE name = 'GOD' AND realm = 'worker-acme'")
    parent=$(curl --silent --fail --cookie "$BENCH_COOKIE" --header 'content-type: application/json' \
        --data '{"name":"Bench","canIssue":true,"statements":[{"actions":["VIEW_GROUP"]}]}' "$base/$god/children" |
        grep -o '"id":"[0-9]*"' | sed -n '1s/[^0-9]//gp')
    [[ -n $parent ]] || die "no policy could be made"
    for thousands in 1 10 100; do
        say "dev: ${thousands} 000 statements"
        PGOPTIONS="-c pek.realm=worker-acme" sql worker-acme postgres -v thousands="$thousands" -v group="$bench_group" \
            -f "$ROOT/tests/load/policies.sql"
        measure_policy /dev/null "warm-up-$thousands" 20 "$base/$parent/children" "$bench_group"
        measure_policy "$1" "policy-${thousands}000" 100 "$base/$parent/children" "$bench_group"
    done
}

# So many sessions of people who see the group of `one`; their cookies, a line each. A user has 100 at most, so not of her who measures.
make_sessions() { # port count file
    local user cookie n
    : >"$3"
    for user in $(sql hub postgres -Atc "SELECT username FROM hub.user_account WHERE username <> 'alice' ORDER BY username"); do
        for ((n = 0; n < 90 && $(wc -l <"$3") < $2; n++)); do
            cookie=$(curl --silent --output /dev/null --dump-header - "http://127.0.0.1:$1/auth/dev?user=$user" |
                sed -n 's/^set-cookie: \(pek_session=[^;]*\).*/\1/Ip')
            [[ $n -gt 0 ]] || curl --silent --fail --output /dev/null --cookie "$cookie" "$(bench_url one)" || break
            printf '%s\n' "$cookie" >>"$3"
        done
    done
    [[ $(wc -l <"$3") -eq $2 ]] || die "no $2 sessions could be made"
}

# What a request costs while something else grows: each row should be as the first.
run_grow() { # results seconds connections port
    local count
    for count in 1000 10000 100000 1000000; do
        say "dev: $count groups"
        PGOPTIONS="-c pek.realm=worker-acme" sql worker-acme postgres -v count="$count" -f "$ROOT/tests/load/groups.sql"
        measure_http /dev/null warm-up 2 "$3" "$(bench_url one)"
        measure_http "$1" "grow-groups-$count" "$2" "$3" "$(bench_url one)"
        [[ $count -ne $bench_groups_many ]] || measure_rekey "$1" worker-acme "$(bench_url one)"
    done
    for count in 1 100 3000; do
        say "dev: $count sessions"
        make_sessions "$4" "$count" "$DATA/run/cookies"
        # A session's first request has its tokens made, which is no request's usual cost.
        measure_http /dev/null warm-up "$((2 + count / 300))" "$3" "$(bench_url one)" "" "$DATA/run/cookies"
        measure_http "$1" "grow-sessions-$count" "$2" "$3" "$(bench_url one)" "" "$DATA/run/cookies"
    done
    for count in 1 100; do
        say "dev: ${count} 000 statements"
        PGOPTIONS="-c pek.realm=worker-acme" sql worker-acme postgres -c "INSERT INTO pek.policy (name, unique_key, parent_id, made_by)
            SELECT 'Bench', 'bench', id, 'bench' FROM pek.policy WHERE name = 'GOD' ON CONFLICT DO NOTHING"
        PGOPTIONS="-c pek.realm=worker-acme" sql worker-acme postgres -v thousands="$count" -v group="$bench_group" \
            -f "$ROOT/tests/load/policies.sql"
        measure_http /dev/null warm-up 2 "$3" "$(bench_url one)"
        measure_http "$1" "grow-statements-${count}000" "$2" "$3" "$(bench_url one)"
    done
    say "dev: 1000 live streams"
    measure_streams "$1" "$4" 1000
}

# Fewer realms each time: the last to stay are all alike.
run_realms() { # results seconds runs connections
    local run count realm name left
    mapfile -t left < <(sql hub postgres -Atc "SELECT realm FROM hub.instance WHERE status <> 'REMOVED'
        ORDER BY realm !~ '[0-9]', realm")
    for count in 64 16 4 1; do
        for realm in "${left[@]:count}"; do
            "$ROOT/dev" ctl --data "$DATA" instance remove "$realm" >&2
        done
        left=("${left[@]:0:count}")
        wait_until 60 pek-hub asks_realms "$count" || die "the hub does not ask $count realms"
        for name in search any; do
            say "dev: $name over $count realms"
            measure_http /dev/null warm-up 3 "$4" "$(bench_url "realms-$name")"
            for ((run = 1; run <= $3; run++)); do
                measure_http "$1" "realms-$name-$count" "$2" "$4" "$(bench_url "realms-$name")"
            done
        done
    done
}

asks_realms() { # count
    [[ $(curl --silent --fail --cookie "$BENCH_COOKIE" "$(bench_url realms-search)" | grep -o '"outcome":"OK"' | wc -l) -eq $1 ]]
}

groups_are_ready() { # port
    local realm version
    for realm in "${REALMS[@]}"; do
        version=$(sql "$realm" postgres -Atc "SELECT search_version = collator_version FROM pek.realm_state")
        [[ $version == t ]] || return 1
    done
    curl --silent --fail --cookie "$BENCH_COOKIE" "http://127.0.0.1:$1/api/v1/groups?pageSize=1" |
        grep -q '"unreachable":\[\]'
}

# What the cases need, on the side that is on.
bench_load() { # groups case…
    local groups=$1
    shift
    if [[ " $* " == *" members "* ]]; then
        load_members
    fi
    if [[ " $* " == *" scoreboard "* ]]; then
        load_scoreboard
    fi
    load_groups "$BENCH_PORT" "$groups"
}

cmd_bench() {
    local groups=2000 seconds=8 runs=3 connections=32 hubs=1 dry=false compare='' cases=() http=() name folder first results tree=$ROOT
    help_if_asked "$bench_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            one | unchanged | any | search | names | members | scoreboard | score | find | merge | policy | grow | realms) cases+=("$1") ;;
            --groups | --seconds | --runs | --connections | --hubs)
                [[ ${2-} =~ ^[1-9][0-9]*$ ]] || die "$1 takes a number"
                printf -v "${1#--}" '%s' "$2"
                shift
                ;;
            --compare)
                compare=$(git -C "$ROOT" rev-parse --verify --quiet "${2-}^{commit}") || die "there is no commit '${2-}'"
                shift
                ;;
            --dry) dry=true ;;
            *) die "bench does not know '$1'; see ./dev bench --help" ;;
        esac
        shift
    done
    [[ ${#cases[@]} -gt 0 ]] || cases=(one unchanged any search names members scoreboard score find merge policy grow)
    for name in "${cases[@]}"; do
        [[ $name == merge || $name == find || $name == policy || $name == grow || $name == realms ]] || http+=("$name")
    done
    [[ -z $compare || ${#http[@]} -gt 0 ]] || die "what is compared are the cases of wrk, none of which is named"
    command -v wrk >/dev/null || die "wrk is missing: apt-get install wrk"
    folder=$(mktemp -d /tmp/pek-bench.XXXXXX)
    chmod 755 "$folder"
    if [[ " ${cases[*]} " == *" realms "* ]]; then
        [[ ${#cases[@]} -eq 1 ]] || die "realms is measured alone"
        bench_realms=64
    fi
    first=$(free_ports $((8 + bench_realms)))
    results=$folder/this
    # shellcheck disable=SC2064 # the folder of now
    trap "bench_stop '$folder' '$tree'" EXIT
    cp /proc/loadavg "$folder/loadavg"
    if [[ -n $compare ]]; then
        worktree_add "$folder/tree" "$compare"
        bench_start before "$folder/tree" "$folder/data-before" "$((first + 4))" "$hubs"
        bench_load "$groups" "${http[@]}"
    fi
    bench_start this "$tree" "$folder/data" "$first" "$hubs"
    mv "$folder/loadavg" "$DATA/run/loadavg"
    if [[ $bench_realms -gt 3 ]]; then
        run_realms "$results" "$seconds" "$runs" "$connections"
    else
        bench_load "$groups" "${cases[@]}"
    fi
    run_rounds "$folder" "$seconds" "$runs" "$connections" "${http[@]}"
    if [[ -n $compare ]]; then
        bench_report_ratios "$folder/before" "$results" "$(git -C "$ROOT" rev-parse --short "$compare")" >"$folder/table"
        cat "$folder/table"
        return
    fi
    if [[ " ${cases[*]} " == *" merge "* || " ${cases[*]} " == *" find "* ]]; then
        load_groups "$first" "$bench_groups_many"
    fi
    if [[ " ${cases[*]} " == *" find "* ]]; then
        run_rounds "$folder" "$seconds" "$runs" "$connections" find-fruitless find-rare find-common find-letter
    fi
    if [[ " ${cases[*]} " == *" merge "* ]]; then
        run_merge "$results" "$runs" "$first"
    fi
    if [[ " ${cases[*]} " == *" policy "* ]]; then
        run_policy "$results" "$first"
    fi
    if [[ " ${cases[*]} " == *" grow "* ]]; then
        run_grow "$results" "$seconds" "$connections" "$first"
    fi
    bench_report "$results" "$seconds" "$runs" "$connections" "$groups" >"$folder/table"
    cat "$folder/table"
    [[ $dry == true ]] || bench_write "$folder/table"
}
