# shellcheck shell=bash
# ./dev fuzz: runs one fuzz target for some minutes.

readonly fuzz_help='usage: ./dev fuzz NAME [--minutes M]
       ./dev fuzz --list
       ./dev fuzz NAME --replay FILE

Builds the target NAME with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, and lets it run for M minutes (5)
from its corpus on. What it learns is kept for the next time. Prints how it goes, and at the end what it found: each find is a
file, and the line above it says how to replay it. Exit code 1 when something was found.

  --list         the targets, and their files
  --minutes M    for how long
  --replay FILE  only this input, once: does it still fail?

A find becomes a file of the corpus beside the target, which every `bazel test //tests/fuzz/...` replays, and is
mended with it. tests/fuzz/README.md has what each target asserts.'

fuzz_targets() { # lines `name`, tab, `label`
    local label
    sed -n 's|^        "\(:[a-z_0-9]*_fuzz\)",$|//tests/fuzz\1|p; s|^        "\(//.*_fuzz\)",$|\1|p' "$ROOT/tests/fuzz/BUILD" |
        while IFS= read -r label; do
            printf '%s\t%s\n' "${label##*:}" "$label"
        done | sort
}

# The folder of a target's corpus: the one that its BUILD file names.
fuzz_corpus() { # label
    local folder=${1#//} name=${1##*:}
    folder=${folder%%:*}
    awk -v name="\"$name\"" -v folder="$ROOT/$folder/" '
        $1 == "name" { ours = index($0, name) }
        ours && $1 == "corpus" { sub(/.*\["/, ""); sub(/\/\*.*/, ""); print folder $0; exit }' "$ROOT/$folder/BUILD"
}

fuzz_build() { # label
    command -v bazel >/dev/null || die "bazel is missing; ./dev setup installs it"
    say "dev: building $1"
    (cd "$ROOT" && bazel build --config=fuzz "$1") >&2 </dev/null || die "$1 does not build"
    local program=${1#//}
    # Another build takes its place under bazel-bin.
    cp -fL "$ROOT/bazel-bin/${program/://}" "$FUZZ/program"
}

# Runs the target with these arguments of libFuzzer.
fuzz_run() { # arguments…
    (
        cd "$FUZZ/finds" || exit
        export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
        export UBSAN_OPTIONS=print_stacktrace=1
        export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer UBSAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer
        exec "$FUZZ/program" -timeout=20 -rss_limit_mb=3000 -max_len=8192 "$@"
    )
}

# What libFuzzer says of its progress, a line every so often, and all of what it found.
fuzz_progress() { # log
    awk -v log_file="$1" '
        { print >log_file; fflush(log_file) }
        /^#[0-9]+/ && ($2 == "pulse" || $2 == "INITED" || $2 == "DONE" || systime() - said >= 10) {
            said = systime(); print; fflush(); next }
        /^#/ || /^INFO:/ || /^Dictionary:/ || / # Uses: [0-9]+$/ || /^Done/ { next }
        { print; fflush() }'
}

cmd_fuzz() {
    local name='' minutes=5 replay='' label corpus dict=() finds=() status=0 file
    help_if_asked "$fuzz_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --list)
                fuzz_targets
                return
                ;;
            --minutes)
                minutes=${2:?--minutes takes a number}
                [[ $minutes =~ ^[1-9][0-9]{0,3}$ ]] || die "--minutes takes a whole number from 1 to 9999"
                shift
                ;;
            --replay)
                replay=$(readlink -f "${2:?--replay takes a file}") && [[ -f $replay ]] || die "there is no file $2"
                shift
                ;;
            -*) die "fuzz does not know '$1'; see ./dev fuzz --help" ;;
            *)
                [[ -z $name ]] || die "fuzz takes one target at a time"
                name=$1
                ;;
        esac
        shift
    done
    [[ -n $name ]] || die "fuzz takes the name of a target; ./dev fuzz --list has them"
    [[ $name == *_fuzz ]] || name=${name}_fuzz
    label=$(fuzz_targets | awk -F'\t' -v name="$name" '$1 == name { print $2 }')
    [[ -n $label ]] || die "there is no target '$name'; ./dev fuzz --list has them"
    corpus=$(fuzz_corpus "$label")
    FUZZ=$BUILD_DIR/fuzz/$name
    mkdir -p "$FUZZ/learned" "$FUZZ/finds"
    # Two runs would take each other's program.
    exec 9>"$FUZZ/lock"
    flock -n 9 || die "another ./dev fuzz $name is running"
    fuzz_build "$label"
    if [[ -n $replay ]]; then
        fuzz_run "$replay" || return 1
        return
    fi
    file=${label#//}
    file=$ROOT/${file/://}.dict
    [[ ! -f $file ]] || dict=("-dict=$file")
    say "dev: $name for $minutes min, from $corpus and $FUZZ/learned"
    touch "$FUZZ/began"
    fuzz_run -max_total_time=$((minutes * 60)) "${dict[@]}" "$FUZZ/learned" "$corpus" 2>&1 |
        fuzz_progress "$FUZZ/log" || status=$?
    mapfile -t finds < <(find "$FUZZ/finds" -type f -newer "$FUZZ/began")
    for file in "${finds[@]}"; do
        printf 'found: ./dev fuzz %s --replay %s\n' "$name" "$file"
    done
    [[ $status -eq 0 || ${#finds[@]} -gt 0 ]] || die "$name ended with $status; see $FUZZ/log"
    [[ ${#finds[@]} -eq 0 ]] || return 1
    printf 'nothing found in %s min: %s\n' "$minutes" "$(grep -a '^Done' "$FUZZ/log" | tail -n 1)"
}
