#!/bin/bash
# Style as a test. Prints what is wrong, file:line first, and ends with 0 only when nothing is.
#   bazel/lint.sh            what is quick, on what changed
#   bazel/lint.sh all        also the analyzers cppcheck and tidy, which plain lint takes along once they passed here
#   bazel/lint.sh CHECK…     of: text lengths format shell protos web mutants cppcheck tidy deep
# deep is clang's path-sensitive analyzer, about a second a file the first time.
# Settings: .clang-format, .clang-tidy, protos/buf.yaml, bazel/lint/*. What passed is remembered below
# .pek/lint, so that a second run looks only at what changed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

function_lines_max=70
file_lines_max=600
cache=.pek/lint
jobs=$(nproc)

# Files of the tree, tracked or about to be, by pattern; inputs of fuzz targets are what they are.
files() {
    git ls-files --cached --others --exclude-standard -- "$@" | sort -u | { grep -v 'corpus/' || true; } |
        while IFS= read -r file; do
            if [[ -f $file && ! -L $file ]]; then printf '%s\n' "$file"; fi
        done
}

shell_files() {
    files '*.sh'
    files | grep -v '\.' | while IFS= read -r file; do
        if head -c 64 "$file" | head -1 | grep -q '^#!.*\(bash\|/sh\)'; then printf '%s\n' "$file"; fi
    done
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

# White space, in every text file; grep -I passes over binaries.
check_text() {
    local status=0 list=$cache/text-files
    files | fresh text >"$list"
    tr '\n' '\0' <"$list" | xargs -0 -r grep -InE '[[:blank:]]+$|'$'\r' /dev/null | grep . && status=1
    grep -E '\.(c|h|sh|sql|proto|bzl|yaml|md)$' "$list" | tr '\n' '\0' | xargs -0 -r grep -InP '\t' /dev/null | grep . && status=1
    while IFS= read -r file; do
        if grep -Iq . "$file" && [[ -n $(tail -c 1 "$file") ]]; then
            echo "$file: no newline at the end"
        fi
    done <"$list" | grep . && status=1
    return $status
}

check_lengths() {
    files '*.c' '*.h' | fresh lengths bazel/lint/banned.txt bazel/lint/long.txt bazel/lint/text.awk | tr '\n' '\0' |
        xargs -0 -r awk -v banned=bazel/lint/banned.txt -v long=bazel/lint/long.txt -v lines_max="$file_lines_max" \
            -v function_lines_max="$function_lines_max" -f bazel/lint/text.awk
}

check_format() {
    files '*.c' '*.h' | fresh format .clang-format | tr '\n' '\0' |
        xargs -0 -r -n 8 -P "$jobs" clang-format --dry-run --ferror-limit=1 2>&1 |
        sed -n 's/^\([^ ]*:[0-9]*\):[0-9]*: warning: .*/\1: not as clang-format has it; run .\/dev format/p' |
        grep . && return 1
    return 0
}

# A file that sources another is judged with it.
check_shell() {
    local status=0
    [[ -n $(shell_files | fresh shell) ]] || return 0
    while IFS= read -r file; do
        bash -n "$file" || status=1
    done < <(shell_files)
    if command -v shellcheck >/dev/null; then
        shell_files | tr '\n' '\0' | xargs -0 shellcheck --severity=warning --format=gcc || status=1
    else
        echo "lint: shell: shellcheck is not installed, only the syntax was checked" >&2
    fi
    return $status
}

# Sources include headers that the build makes: asks for what compiling needs, without compiling.
made_headers() {
    bazel build --output_groups=compilation_prerequisites_INTERNAL_ //... >"$cache/build.log" 2>&1 && return
    cat "$cache/build.log"
    return 1
}

# Each file of the list on standard input by clang-tidy, with the checks that $2 leaves of .clang-tidy: those that did not
# pass before with the contents that they, their headers and the settings have now.
tidy() { # cache checks
    local bin=bazel-bin external warnings
    mkdir -p "$1"
    files '*.c' '*.h' .clang-tidy bazel/lint/tidy.sh bazel/pek.bzl | tr '\n' '\0' | xargs -0 sha256sum -- >"$1.tree"
    awk -v cache="$1" -v tree="$1.tree" -f bazel/lint/changed.awk >"$1.files"
    [[ -s $1.files ]] || return 0
    made_headers || return 1
    external=$(bazel info output_base 2>/dev/null)/external
    warnings=$(sed -n '/^_WARNINGS\(_CLANG\)\? = \[/,/^\]/s/^ *"\(-W.*\)",$/\1/p' bazel/pek.bzl | tr '\n' ' ')
    export TIDY_FLAGS="-std=gnu11 -D_GNU_SOURCE -I. -I$bin -I$bin/protos \
-I$bin/bazel/tests -I$bin/bazel/generator -I$bin/third_party/protobuf -I$bin/third_party/googleapis \
-I$bin/third_party/grpc_protos -I$bin/shared/rpc/testing -isystem $external/grpc_source \
-isystem $external/grpc_source/generated -isystem /usr/include/postgresql $warnings"
    tr '\n' '\0' <"$1.files" | xargs -0 -r -n 1 -P "$jobs" bazel/lint/tidy.sh "$1" "$2"
}

# With it what clang itself warns of, since the everyday build is gcc's.
check_tidy() {
    files '*.c' | tidy "$cache/tidy" '-clang-analyzer-*'
}

# Tests are left out: the analyzer does not know that a failed assertion of cmocka never returns.
check_deep() {
    files '*.c' | grep -v '_test\.c$' | tidy "$cache/deep" '-bugprone-*,-cert-*,-clang-diagnostic-*,-misc-*,-readability-*'
}

check_cppcheck() {
    mkdir -p "$cache/cppcheck"
    [[ -n $(files '*.c' '*.h' '*.proto' | fresh cppcheck bazel/lint/cppcheck-suppressions.txt) ]] || return 0
    made_headers || return 1 # statements are written with macros of theirs
    files '*.c' >"$cache/cppcheck-files"
    cppcheck --quiet -j "$jobs" --cppcheck-build-dir="$cache/cppcheck" --file-list="$cache/cppcheck-files" \
        --std=c11 --library=posix -D_GNU_SOURCE -I. -Ibazel-bin/protos -Ibazel-bin/bazel/generator \
        -DPROTOBUF_C_VERSION_NUMBER=1004001 -DPROTOBUF_C__BEGIN_DECLS= -DPROTOBUF_C__END_DECLS= \
        '-DPRIu64="lu"' '-DPRId64="ld"' '-DPRIx64="lx"' '-DPRIu32="u"' '-DPRId32="d"' '-DPRIx32="x"' \
        --enable=warning,performance,portability \
        --suppressions-list=bazel/lint/cppcheck-suppressions.txt --inline-suppr \
        --template='{file}:{line}: {message} [{id}]' --error-exitcode=1
}

check_protos() {
    local status=0 step
    [[ -n $(files protos bazel/buf.sh bazel/lint/promises.mjs | fresh protos) ]] || return 0
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
    # The document that the client is made of is the hub's.
    [[ -n $(files web protos hub/openapi hub/route hub/site hub/transcode shared/json shared/text | fresh web) ]] || return 0
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
if [[ ${#checks[@]} -eq 0 ]]; then
    checks=(text lengths format shell protos web mutants)
    # The analyzers look at every file the first time, for minutes, and later at what changed: nobody waits for that unasked.
    if [[ -s $cache/cppcheck.passed && -d $cache/tidy ]]; then
        checks+=(cppcheck tidy)
    else
        echo "lint: without cppcheck and tidy, which take minutes the first time: ./dev lint all, and from then on they are quick" >&2
    fi
elif [[ $* == all ]]; then
    checks=(text lengths format shell protos web mutants cppcheck tidy)
fi
for check in "${checks[@]}"; do
    if [[ $check != @(text|lengths|format|shell|protos|web|mutants|cppcheck|tidy|deep) ]]; then
        sed -n '2,8s/^# //p' bazel/lint.sh
        [[ $check == --help || $check == -h ]] && exit 0
        echo "lint: there is no check '$check'" >&2
        exit 2
    fi
done
failed=()
for check in "${checks[@]}"; do
    started=$(date +%s%N)
    rm -f "$cache/$check.now"
    if ! "check_$check"; then
        failed+=("$check")
    elif [[ -f $cache/$check.now ]]; then
        mv "$cache/$check.now" "$cache/$check.passed"
    fi
    if [[ -n ${LINT_TIMES:-} ]]; then
        echo "lint: $check took $((($(date +%s%N) - started) / 1000000)) ms" >&2
    fi
done
if [[ ${#failed[@]} -gt 0 ]]; then
    echo "lint: failed: ${failed[*]}"
    exit 1
fi
echo "lint: clean"
