#!/bin/bash
# Style as a test. Prints what is wrong, file:line first, and ends with 0 only when nothing is.
#   bazel/lint.sh            what is quick, on what changed
#   bazel/lint.sh all        and the analyzers on all that include what changed
#   bazel/lint.sh CHECK…     of: text lengths format shell protos web mutants tidy deep
# tidy are the analyzers, clang-tidy and cppcheck; deep is clang's path-sensitive one, about a second a file the first time.
# Settings: .clang-format, .clang-tidy, protos/buf.yaml, bazel/lint/*. What passed is remembered below
# .pek/lint, so that a second run looks only at what changed. LINT_TIMES=1 tells what took how long.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

function_lines_max=70
file_lines_max=600
analyzed_max=40 # files that the analyzers look at unasked: so many take some seconds
remembered_bytes_max=4000000
cache=.pek/lint
jobs=$(nproc)

# Files of the tree, tracked or about to be, whose names match; inputs of fuzz targets are what they are.
files() { # [regular-expression]
    grep -E -e "${1:-.}" "$cache/files"
}

shell_files() {
    files '\.sh$'
    files | grep -v '\.' | tr '\n' '\0' | xargs -0 -r awk 'FNR == 1 && /^#!.*(bash|\/sh)/ { print FILENAME } { nextfile }'
}

# Of the files on standard input those that have not passed the check with these contents, this script and these settings.
# What they are now is remembered when the check passes.
fresh() { # check setting…
    local check=$1 settings
    shift
    settings=$(cat bazel/lint.sh "$@" | sha256sum | cut -c1-16)
    tr '\n' '\0' | xargs -0 -r sha256sum -- | sed "s/^/$settings /" | LC_ALL=C sort >"$cache/$check.now"
    touch "$cache/$check.passed"
    LC_ALL=C comm -23 "$cache/$check.now" "$cache/$check.passed" | cut -c84-
}

# The same of a check that judges files together: prints something when they have not passed so, all of them.
fresh_all() { # check setting…
    local digest
    digest=$( (cat bazel/lint.sh "${@:2}" && tr '\n' '\0' | xargs -0 -r sha256sum --) | sha256sum)
    echo "$digest" >"$cache/$1.now"
    touch "$cache/$1.passed"
    grep -vxFf "$cache/$1.passed" "$cache/$1.now"
}

# What passed once with these contents passes again, also when the tree goes back to it.
remember() { # check
    LC_ALL=C sort -u "$cache/$1.now" "$cache/$1.passed" >"$cache/$1.new"
    if [[ $(stat -c %s "$cache/$1.new") -gt $remembered_bytes_max ]]; then
        mv "$cache/$1.now" "$cache/$1.new"
    fi
    mv "$cache/$1.new" "$cache/$1.passed"
    rm -f "$cache/$1.now"
}

# White space, in every text file; grep -I passes over binaries.
check_text() {
    local status=0 list=$cache/text-files
    files | fresh text >"$list"
    tr '\n' '\0' <"$list" | xargs -0 -r grep -InE '[[:blank:]]+$|'$'\r' /dev/null | grep . && status=1
    grep -E '\.(c|h|sh|sql|proto|bzl|yaml|md)$' "$list" | tr '\n' '\0' | xargs -0 -r grep -InP '\t' /dev/null | grep . && status=1
    tr '\n' '\0' <"$list" | xargs -0 -r grep -IlZ . |
        xargs -0 -r perl -e 'foreach (@ARGV) { open F, "<", $_; seek F, -1, 2; read F, $end, 1; print "$_: no newline at the end\n" if $end ne "\n" }' |
        grep . && status=1
    return $status
}

check_lengths() {
    files '\.[ch]$' | fresh lengths bazel/lint/banned.txt bazel/lint/long.txt bazel/lint/text.awk | tr '\n' '\0' |
        xargs -0 -r awk -v banned=bazel/lint/banned.txt -v long=bazel/lint/long.txt -v lines_max="$file_lines_max" \
            -v function_lines_max="$function_lines_max" -f bazel/lint/text.awk
}

check_format() {
    files '\.[ch]$' | fresh format .clang-format | tr '\n' '\0' |
        xargs -0 -r -n 8 -P "$jobs" clang-format --dry-run --ferror-limit=1 2>&1 |
        sed -n 's/^\([^ ]*:[0-9]*\):[0-9]*: warning: .*/\1: not as clang-format has it; run .\/dev format/p' |
        grep . && return 1
    return 0
}

# A file that sources another is judged with it.
check_shell() {
    local status=0
    [[ -n $(shell_files | fresh_all shell) ]] || return 0
    while IFS= read -r file; do
        bash -n "$file" || status=1
    done < <(shell_files)
    if command -v shellcheck >/dev/null; then
        shell_files | tr '\n' '\0' | xargs -0 -n 2 -P "$jobs" shellcheck --severity=warning --format=gcc || status=1
    else
        echo "lint: shell: shellcheck is not installed, only the syntax was checked" >&2
    fi
    return $status
}

# Sources include headers that the build makes: asks for what compiling needs, without compiling.
made_headers() {
    local log
    log=$(bazel build --output_groups=compilation_prerequisites_INTERNAL_ //... 2>&1) && return
    printf '%s\n' "$log"
    return 1
}

# What the analyzers are told of the sources; in variables, for tidy.sh.
analyzer_flags() {
    local bin external warnings
    bin=$(bazel info bazel-bin 2>/dev/null) # bazel-bin itself is of what was built last, in whatever mode
    external=$(bazel info output_base 2>/dev/null)/external
    warnings=$(sed -n '/^_WARNINGS\(_CLANG\)\? = \[/,/^\]/s/^ *"\(-W.*\)",$/\1/p' bazel/pek.bzl | tr '\n' ' ')
    export TIDY_FLAGS="-std=gnu11 -D_GNU_SOURCE -I. -I$bin -I$bin/protos \
-I$bin/bazel/tests -I$bin/bazel/generator -I$bin/third_party/protobuf -I$bin/third_party/googleapis \
-I$bin/third_party/grpc_protos -I$bin/shared/rpc/testing -isystem $external/grpc_source \
-isystem $external/grpc_source/generated -isystem /usr/include/postgresql $warnings"
    export CPPCHECK_FLAGS="--quiet --std=c11 --library=posix -D_GNU_SOURCE -I. -I$bin/protos -I$bin/bazel/generator \
-DPROTOBUF_C_VERSION_NUMBER=1004001 -DPROTOBUF_C__BEGIN_DECLS= -DPROTOBUF_C__END_DECLS= \
-DPRIu64=\"lu\" -DPRId64=\"ld\" -DPRIx64=\"lx\" -DPRIu32=\"u\" -DPRId32=\"d\" -DPRIx32=\"x\" \
--enable=warning,performance,portability --suppressions-list=bazel/lint/cppcheck-suppressions.txt --inline-suppr \
--template=gcc --error-exitcode=1"
}

# Each source by clang-tidy, with the checks that $2 leaves of .clang-tidy, and by cppcheck: those that did not pass before
# with the contents that they, their headers and the settings have now. Of many, unasked, those that changed themselves.
tidy() { # cache checks but-for
    local due own
    mkdir -p "$1"
    { files '\.[ch]$' && printf '%s\n' .clang-tidy bazel/lint/tidy.sh bazel/lint/cppcheck-suppressions.txt bazel/pek.bzl; } |
        tr '\n' '\0' | xargs -0 sha256sum -- >"$1.tree"
    awk -v cache="$1" -v tree="$1.tree" -f bazel/lint/changed.awk | grep -v -E -e "$3" >"$1.due"
    due=$(wc -l <"$1.due")
    if [[ $asked == false && $due -gt $analyzed_max ]]; then
        grep '^own ' "$1.due" | head -n "$analyzed_max" >"$1.own"
        mv "$1.own" "$1.due"
        own=$(wc -l <"$1.due")
        echo "lint: tidy: of $due files those $own are looked at that changed themselves; ./dev lint tidy looks at all that include what changed" >&2
    fi
    [[ -s $1.due ]] || return 0
    made_headers || return 1
    analyzer_flags
    cut -d ' ' -f 2- "$1.due" | tr '\n' '\0' | xargs -0 -r -n 1 -P "$jobs" bazel/lint/tidy.sh "$1" "$2"
}

# With it what clang itself warns of, since the everyday build is gcc's.
check_tidy() {
    tidy "$cache/tidy" '-clang-analyzer-*' '^$'
}

# Tests are left out: the analyzer does not know that a failed assertion of cmocka never returns.
check_deep() {
    tidy "$cache/deep" '-bugprone-*,-cert-*,-clang-diagnostic-*,-misc-*,-readability-*' '_test\.c$'
}

check_protos() {
    local status=0 step
    [[ -n $(files '^(protos/|bazel/buf\.sh$|bazel/lint/promises\.mjs$)' | fresh_all protos) ]] || return 0
    for step in build lint breaking; do
        bazel/buf.sh "$step" || status=$?
        if [[ $status -eq 3 ]]; then
            echo "lint: protos: buf is not there, skipped (./dev setup brings it with the end-to-end tests)" >&2
            rm -f "$cache/protos.now"
            return 0
        fi
    done
    return $status
}

# The web site: strict types over a client that is made anew of the API's document, and the layout of its sources.
check_web() {
    if [[ ! -d web/node_modules ]]; then
        echo "lint: web: its packages are not there, skipped (./dev setup brings them)" >&2
        return 0
    fi
    # The document that the client is made of is the hub's, which takes minutes to build the first time.
    if [[ $asked == false && ! -f .pek/openapi.json ]]; then
        echo "lint: web: the hub was not built yet, skipped (./dev web builds it, ./dev lint web asks for it)" >&2
        return 0
    fi
    [[ -n $(files '^(web|protos|hub/(openapi|route|site|transcode)|shared/(json|text))/' | fresh_all web) ]] || return 0
    ./dev web --check 2>"$cache/web.log" || {
        cat "$cache/web.log"
        return 1
    }
}

# Each fits the sources; whether its tests notice takes ./dev mutants.
check_mutants() {
    awk -v name=all -f tests/mutants/apply.awk tests/mutants/mutants.txt 2>&1
}

mkdir -p "$cache"
checks=("$@")
asked=true
if [[ ${#checks[@]} -eq 0 ]]; then
    asked=false
    checks=(text lengths format shell protos web mutants)
    # The analyzers look at every file the first time, for minutes, and later at what changed: nobody waits for that unasked.
    if [[ -d $cache/tidy ]]; then
        checks+=(tidy)
    else
        echo "lint: without the analyzers, which take minutes the first time: ./dev lint all, and from then on they are quick" >&2
    fi
elif [[ $* == all ]]; then
    checks=(text lengths format shell protos web mutants tidy)
fi
for check in "${checks[@]}"; do
    if [[ $check != @(text|lengths|format|shell|protos|web|mutants|tidy|deep) ]]; then
        sed -n '2,8s/^# //p' bazel/lint.sh
        [[ $check == --help || $check == -h ]] && exit 0
        echo "lint: there is no check '$check'" >&2
        exit 2
    fi
done

git ls-files --cached --others --exclude-standard | sort -u | { grep -v 'corpus/' || true; } |
    while IFS= read -r file; do
        if [[ -f $file && ! -L $file ]]; then printf '%s\n' "$file"; fi
    done >"$cache/files"

run_check() { # check
    local started status=0
    started=$(date +%s%N)
    rm -f "$cache/$1.now"
    "check_$1" || status=$?
    if [[ $status -eq 0 && -f $cache/$1.now ]]; then
        remember "$1"
    fi
    [[ -z ${LINT_TIMES:-} ]] || echo "lint: $1 took $((($(date +%s%N) - started) / 1000000)) ms" >&2
    return "$status"
}

# All at once, and what each says in the order of their names.
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
trap 'trap - INT TERM; kill 0' INT TERM
declare -A running
for check in "${checks[@]}"; do
    run_check "$check" >"$said/$check" 2>&1 &
    running[$check]=$!
done
failed=()
for check in "${checks[@]}"; do
    wait "${running[$check]}" || failed+=("$check")
    cat "$said/$check"
done
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "lint: failed: ${failed[*]}"
    exit 1
fi
echo "lint: clean"
