# shellcheck shell=bash
# What ./dev bench measures with, and how it tells. A result is one line of name=value pairs.

# Microseconds of CPU that a program used since it began: itself, its children that ended, and for PostgreSQL
# those that serve connections now.
cpu_us() { # program
    local pid children=''
    pid=$(program_pid "$1") || die "$1 does not run"
    [[ $1 != postgres ]] || children=$(grep -l "^[0-9]* ([^)]*) . $pid " /proc/[0-9]*/stat 2>/dev/null || true)
    # shellcheck disable=SC2086 # a list of files
    cat "/proc/$pid/stat" $children 2>/dev/null | awk -v hz="$(getconf CLK_TCK)" '
        { sub(/^.*\) /, ""); ticks += $12 + $13 + $14 + $15 }
        END { printf "%.0f\n", ticks * 1000000 / hz }'
}

cpu_of() { # program…
    local program all=0
    for program in "$@"; do
        all=$((all + $(cpu_us "$program")))
    done
    printf '%s\n' "$all"
}

cpu_all() {
    # shellcheck disable=SC2046 # names, a line each
    printf '%s ' "$(cpu_of $(hub_names "$(state_get hubs || true)"))" \
        "$(cpu_of $(state_get realms | tr ' ' '\n' | grep -vx hub))" "$(cpu_us postgres)"
}

rss_kib() { # program
    awk '/^VmRSS/ { print $2 }' "/proc/$(program_pid "$1")/status"
}

# wrk prints latencies as 1.23ms, 450.00us or 1.01s.
measure_http() { # results name seconds connections url [header] [file of cookies]
    local before after out="$DATA/run/wrk" who=(--header "Cookie: $BENCH_COOKIE" ${6:+--header "$6"} "$5")
    [[ -z ${7-} ]] || who=(--script "$ROOT/tests/load/sessions.lua" "$5" -- "$7")
    read -ra before <<<"$(cpu_all)"
    wrk --threads 1 --connections "$4" --duration "${3}s" --latency "${who[@]}" >"$out"
    read -ra after <<<"$(cpu_all)"
    awk -v name="$2" -v hub="$((after[0] - before[0]))" -v workers="$((after[1] - before[1]))" \
        -v postgres="$((after[2] - before[2]))" '
        function ms(text) { return text ~ /us$/ ? text / 1000 : text ~ /ms$/ ? text + 0 : text * 1000 }
        $1 == "50%" { p50 = ms($2) }
        $1 == "99%" { p99 = ms($2) }
        $2 == "requests" && $3 == "in" { requests = $1 }
        $1 == "Requests/sec:" { rate = $2 }
        /Non-2xx|Socket errors/ { bad = $0 }
        END {
            if (bad) { print "bench: " name ": " bad > "/dev/stderr"; exit 1 }
            printf "name=%s rate=%.0f p50=%.2f p99=%.2f hub=%.1f workers=%.1f postgres=%.1f\n",
                name, rate, p50, p99, hub / requests, workers / requests, postgres / requests
        }' "$out" >>"$1"
}

# The columns are those of the worker's own statement, as the generator writes them.
point_select() {
    local columns header="$ROOT/bazel-bin/protos/pek/group/v1/group.row.h"
    columns=$(sed -n '/define GROUP_V1_GROUP_COLUMNS/,/[^\\]$/p' "$header" | grep -o '"\.[a-z_]*"' | tr -d '".' |
        sed 's/^/g./' | paste -sd,)
    [[ -n $columns ]] || die "the columns of a group are not where they were"
    printf 'SELECT %s FROM pek.realm_group AS g WHERE g.id = :id;\n' "$columns"
}

measure_pgbench() { # results seconds connections realm group
    local before after out="$DATA/run/pgbench" script="$DATA/run/select.sql"
    point_select >"$script"
    before=$(cpu_us postgres)
    PGOPTIONS="-c pek.realm=$4" "$(postgres_bin)/pgbench" --no-vacuum --protocol=prepared --client="$3" --jobs=1 \
        --time="$2" --define="id=$5" --file="$script" -h "$(socket_dir)" -U "$(database_of "$4")" "$(database_of "$4")" >"$out" 2>&1 ||
        die "pgbench: $(tail -n 3 "$out")"
    after=$(cpu_us postgres)
    awk -v cpu="$((after - before))" '
        /^latency average/ { mean = $4 }
        /^tps/ { rate = $3 }
        /^number of transactions actually processed/ { done = $6 + 0 }
        END { printf "name=pgbench rate=%.0f p50=%.2f postgres=%.1f\n", rate, mean, cpu / done }' "$out" >>"$1"
}

# One stream of everything, thrown away as it comes; the hub's memory is looked at ten times a second.
measure_merge() { # results url
    local before after lines started ended peak=0 now curl_pid out="$DATA/run/merge"
    before=$(rss_kib pek-hub)
    started=$(date +%s%N)
    curl --silent --fail --no-buffer --cookie "$BENCH_COOKIE" --header 'accept: application/x-ndjson' "$2" |
        tee >(tail -n 1 >"$out.end") | wc -l >"$out" &
    curl_pid=$!
    while kill -0 "$curl_pid" 2>/dev/null; do
        now=$(rss_kib pek-hub)
        peak=$((now > peak ? now : peak))
        sleep 0.1
    done
    ended=$(date +%s%N)
    wait "$curl_pid"
    after=$(rss_kib pek-hub)
    lines=$(cat "$out")
    grep -q '^{"end":{' "$out.end" || die "the stream did not end well: $(cat "$out.end")"
    awk -v items="$((lines - 1))" -v ns="$((ended - started))" -v before="$before" -v peak="$peak" -v after="$after" \
        'BEGIN { printf "name=merge rate=%.0f items=%d seconds=%.2f before=%.1f peak=%.1f after=%.1f\n",
            items / (ns / 1e9), items, ns / 1e9, before / 1024, peak / 1024, after / 1024 }' >>"$1"
}

# From where a worker listens to where it has made all sort keys: groups.sql left it none. It answers meanwhile.
measure_rekey() { # results realm url
    local log="$DATA/log/$2.log" began before
    before=$(grep -c '"event":"worker.ready"' "$log")
    "$ROOT/dev" restart "$2" --data "$DATA"
    wait_until 60 "$2" worker_is_ready "$log" "$before" || die "$2 did not get ready"
    began=$(sed -n 's/^{"ts":"\([^"]*\)".*"event":"worker.listening".*/\1/p' "$log" | tail -n 1)
    wait_until 60 pek-hub curl --silent --fail --output /dev/null --cookie "$BENCH_COOKIE" "$3" || die "$2 is not reached"
    wait_until 300 "$2" keys_are_made "$2" || die "$2 did not make its sort keys"
    awk -v began="$(date -d "$began" +%s.%N)" -v ended="$(date +%s.%N)" 'BEGIN { printf "name=rekey seconds=%.2f\n", ended - began }' >>"$1"
}

keys_are_made() { # realm
    [[ $(sql "$1" postgres -Atc "SELECT collator_version <> '' FROM pek.realm_state") == t ]]
}

worker_is_ready() { # log how-often-before
    [[ $(grep -c '"event":"worker.ready"' "$1") -gt $2 ]]
}

# What that many live streams of one user take of the hub's memory while nobody reads them.
measure_streams() { # results port count
    local before after
    before=$(rss_kib pek-hub)
    coproc STREAMS { "$ROOT/tests/load/crowd.py" "$2" hold "$3"; }
    read -r _ <&"${STREAMS[0]}" || die "the streams could not be opened"
    after=$(rss_kib pek-hub)
    printf 'name=streams open=%s before=%s after=%s\n' "$3" "$before" "$after" >>"$1"
    kill "$STREAMS_PID"
    wait "$STREAMS_PID" 2>/dev/null || true
}

# So many policies with one statement each; the median of what curl says they took, and the longest.
measure_policy() { # results name count url group
    local i out="$DATA/run/policy" statement="{\"groupId\":\"$5\",\"actions\":[\"VIEW_GROUP\"]}"
    for ((i = 0; i < $3; i++)); do
        curl --silent --fail --output /dev/null --cookie "$BENCH_COOKIE" --header 'content-type: application/json' \
            --data "{\"name\":\"$2 $i\",\"statements\":[$statement]}" \
            --write-out '%{time_total}\n' "$4" || die "a policy was refused"
    done | sort -n >"$out"
    awk -v name="$2" '{ all[NR] = $1 * 1000 }
        END { printf "name=%s p50=%.2f longest=%.2f\n", name, all[int((NR + 1) / 2)], all[NR] }' "$out" >>"$1"
}

# ---- the table --------------------------------------------------------------------------------------------

# Prints the median of one value over the runs of one case; nothing when the case was not run.
median() { # results name key
    awk -v name="name=$2" -v key="$3" '
        $1 == name { for (i = 2; i <= NF; i++) { split($i, pair, "="); if (pair[1] == key) print pair[2] } }' "$1" |
        sort -n | awk '{ all[NR] = $1 } END { if (NR) print all[int((NR + 1) / 2)] }'
}

spread() { # results name
    awk -v name="name=$2" '$1 == name { sub(/.*rate=/, ""); print $1 }' "$1" | sort -n |
        awk '{ all[NR] = $1 } END { if (NR > 1) printf "%d–%d", all[1], all[NR] }'
}

bench_report() { # results seconds runs connections groups
    local results=$1 pgbench
    pgbench=$(median "$results" pgbench rate)
    printf 'Measured on %s, commit %s, %s, %s cores, load average before %s; %s groups more a realm, wrk with %s connections, ' \
        "$(date -u +%F)" "$(git -C "$ROOT" rev-parse --short HEAD)" "$(sed -n '/^model name/{s/^[^:]*: //p;q}' /proc/cpuinfo)" \
        "$(nproc)" "$(cut -d' ' -f1-3 "$DATA/run/loadavg")" "$5" "$4"
    printf 'median of %s runs of %s s after a warm-up.\n\n' "$3" "$2"
    [[ -z $pgbench ]] || report_requests "$results" "$pgbench"
    [[ -z $(median "$results" merge rate) ]] || report_merge "$results"
    [[ -z $(median "$results" policy-1000 p50) ]] || report_policy "$results"
    [[ -z $(median "$results" streams open) ]] || report_growth "$results"
    [[ -z $(median "$results" realms-search-1 rate) ]] || report_realms "$results"
}

report_requests() { # results pgbench
    local results=$1 pgbench=$2 name
    local -A what=([one]='one group from one realm' [unchanged]='one group that has not changed' [any]='one group asked of three realms'
        [search]='search over three realms' [names]='the same search, names alone' [members]='members of a group in three realms'
        [scoreboard]='a table of 60 members by 12 guidelines' [score]='the score of a person in three realms' [find-fruitless]='a word that no group has, 3 x 100 000 groups'
        [find-rare]='a word of one group in 100 000' [find-common]='a word of a fourth of the groups'
        [find-letter]='one letter') prisma=([one]=986 [any]=314 [search]=273)
    printf '| case | requests/s | lowest–highest | p50 ms | p99 ms | of pgbench | of Prisma | hub us | workers us | PostgreSQL us | CPU us in all |\n'
    printf '|---|---|---|---|---|---|---|---|---|---|---|\n'
    printf '| pgbench -M prepared, the same SELECT | %s | %s | %s (mean) | | 1.00 | | | | %s | |\n' "$pgbench" \
        "$(spread "$results" pgbench)" "$(median "$results" pgbench p50)" "$(median "$results" pgbench postgres)"
    for name in one unchanged any search names members scoreboard score find-fruitless find-rare find-common find-letter; do
        [[ -n $(median "$results" "$name" rate) ]] || continue
        awk -v what="${what[$name]}" -v rate="$(median "$results" "$name" rate)" -v spread="$(spread "$results" "$name")" \
            -v p50="$(median "$results" "$name" p50)" -v p99="$(median "$results" "$name" p99)" -v pgbench="$pgbench" \
            -v prisma="${prisma[$name]-}" -v hub="$(median "$results" "$name" hub)" \
            -v workers="$(median "$results" "$name" workers)" -v postgres="$(median "$results" "$name" postgres)" \
            'BEGIN { printf "| %s | %s | %s | %s | %s | %.2f | %s | %s | %s | %s | %.0f |\n", what, rate, spread, p50, p99,
                rate / pgbench, prisma ? sprintf("%.1f x", rate / prisma) : "", hub, workers, postgres,
                hub + workers + postgres }'
    done
}

report_merge() { # results
    local results=$1
    printf '\n| NDJSON merge of 3 realms | items/s | lowest–highest | seconds | hub RSS before, peak, after MiB |\n|---|---|---|---|---|\n'
    printf '| %s groups | %s | %s | %s | %s, %s, %s |\n' "$(median "$results" merge items)" "$(median "$results" merge rate)" \
        "$(spread "$results" merge)" "$(median "$results" merge seconds)" "$(median "$results" merge before)" \
        "$(median "$results" merge peak)" "$(median "$results" merge after)"
}

report_growth() { # results
    local name
    printf '\n| one group from one realm, with | p99 ms | hub us | workers us | PostgreSQL us | CPU us in all |\n|---|---|---|---|---|---|\n'
    sed -n 's/^name=\(grow-[^ ]*\).*/\1/p' "$1" | awk '!seen[$0]++' | while read -r name; do
        awk -v name="$name" -v p99="$(median "$1" "$name" p99)" -v hub="$(median "$1" "$name" hub)" \
            -v workers="$(median "$1" "$name" workers)" -v postgres="$(median "$1" "$name" postgres)" 'BEGIN {
                split(name, part, "-")
                printf "| %s %s | %s | %s | %s | %s | %.0f |\n", part[3], part[2], p99, hub, workers, postgres, hub + workers + postgres }'
    done
    printf '\nAll sort keys of 100 000 groups made after the start of a worker, which answers meanwhile: %s s.\n' "$(median "$1" rekey seconds)"
    printf '\n| live streams that nobody reads | hub RSS before, with them, MiB | KiB a stream |\n|---|---|---|\n'
    awk '$1 == "name=streams" { split($2, n, "="); split($3, b, "="); split($4, a, "=");
        printf "| %d | %.1f, %.1f | %.1f |\n", n[2], b[2] / 1024, a[2] / 1024, (a[2] - b[2]) / n[2] }' "$1"
}

# What a realm more costs: a row's CPU by its realms, as a part of that of the row of one realm.
report_realms() { # results
    local name
    printf '\n| asked of so many realms | requests/s | p99 ms | hub us | workers us | PostgreSQL us | CPU us in all | a realm | of the first |\n'
    printf '|---|---|---|---|---|---|---|---|---|\n'
    sed -n 's/^name=\(realms-[^ ]*\).*/\1/p' "$1" | awk '!seen[$0]++' | while read -r name; do
        printf '%s %s %s %s %s %s\n' "$name" "$(median "$1" "$name" rate)" "$(median "$1" "$name" p99)" \
            "$(median "$1" "$name" hub)" "$(median "$1" "$name" workers)" "$(median "$1" "$name" postgres)"
    done | sort -t- -k2,2 -k3n | awk '{
        split($1, part, "-")
        all = $4 + $5 + $6
        if (part[3] == 1) first = all
        printf "| %s, %d | %s | %s | %s | %s | %s | %.0f | %.0f | %.2f |\n", part[2], part[3], $2, $3, $4, $5, $6, all,
            all / part[3], all / part[3] / first }'
}

report_policy() { # results
    local among
    printf '\n| one policy made among | median ms | longest of 100 |\n|---|---|---|\n'
    for among in 1000 10000 100000; do
        printf '| %s statements | %s | %s |\n' "$among" "$(median "$1" "policy-$among" p50)" \
            "$(median "$1" "policy-$among" longest)"
    done
}

# What the second takes as a part of what the first takes; of the rate, what it gives.
bench_report_ratios() { # results-before results-after revision
    local name key before after row
    printf 'This tree as a part of %s, measured in turn; CPU of a request, in us for all three:\n\n' "$3"
    printf '| case | CPU before | CPU now | ratio | hub | workers | PostgreSQL | requests/s | p99 |\n|---|---|---|---|---|---|---|---|---|\n'
    sed 's/^name=\([^ ]*\).*/\1/' "$2" | awk '!seen[$0]++ && $0 != "pgbench"' | while read -r name; do
        row=x
        for key in hub workers postgres rate p99; do
            before=$(median "$1" "$name" "$key")
            after=$(median "$2" "$name" "$key")
            row+=" $key $before $after"
        done
        awk -v name="$name" -v row="$row" 'BEGIN {
            split(row, f, " ")
            before = f[3] + f[6] + f[9]; now = f[4] + f[7] + f[10]
            printf "| %s | %.0f | %.0f | **%.2f** | %s | %s | %s | %s | %s |\n", name, before, now, now / before,
                part(f[3], f[4]), part(f[6], f[7]), part(f[9], f[10]), part(f[12], f[13]), part(f[15], f[16]) }
            function part(a, b) { return a > 0 ? sprintf("%.2f", b / a) : "" }'
    done
}

# Between the two marks of docs/performance.md; what stands around them is written by hand.
bench_write() { # table
    local page=$ROOT/docs/performance.md
    awk -v table="$1" '
        /^<!-- measured/ { print; print ""; while ((getline line < table) > 0) print line; print ""; skip = 1; next }
        /^<!-- end/ { skip = 0 }
        !skip' "$page" >"$page.new"
    mv "$page.new" "$page"
    say "dev: written into docs/performance.md"
}
