#!/bin/bash
# What the generator writes and what it refuses, with the real protoc.
#
#   golden FILE...    protos below testdata/golden: the output is that of the *.golden files beside them;
#                     a proto without them gets no output.
#                     `bazel run //bazel/generator:golden_test -- --update` writes them anew.
#   refusal FILE      a proto of testdata/refused: it is refused for exactly the reasons of its
#                     "// refused: " lines, and nothing is written.
set -euo pipefail

protoc=$1 plugin=$2 kind=$3
shift 3

here=bazel/generator/testdata
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

generate() { # import-root file
    "$protoc" -I"$1" -Iprotos -I../system_googleapis -I../system_protobuf/include \
        --plugin=protoc-gen-pek="$plugin" --pek_out="$out" "$2"
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

golden() {
    local update=no file made expected
    local -a files=()
    for file in "$@"; do
        if [[ $file == --update ]]; then update=yes; else files+=("${file#"$here/golden/"}"); fi
    done
    for file in "${files[@]}"; do
        generate "$here/golden" "$file"
    done
    if [[ $update == yes ]]; then
        local tree=$BUILD_WORKSPACE_DIRECTORY/$here/golden
        find "$tree" -name '*.golden' -delete
        (cd "$out" && find . -type f) | while read -r made; do
            cp "$out/$made" "$tree/$made.golden"
        done
        return
    fi
    expected=$(cd "$here/golden" && find . -name '*.golden' | sed 's/\.golden$//' | sort)
    made=$(cd "$out" && find . -type f | sort)
    [[ -n $expected ]] || fail "there are no golden files"
    [[ $made == "$expected" ]] || fail "written:" "$made" "expected:" "$expected"
    for file in $expected; do
        diff -u "$here/golden/$file.golden" "$out/$file" || fail "$file is not the golden one"
    done
}

refusal() {
    local file=${1#"$here/refused/"} expected said
    expected=$(sed -n "s|^ *// refused: |$file: |p" "$1" | sort)
    [[ -n $expected ]] || fail "$1 says nowhere why it is refused"
    if said=$(generate "$here/refused" "$file" 2>&1); then
        fail "$file was not refused"
    fi
    said=$(sed 's/^--pek_out: //' <<<"$said" | sort)
    [[ $said == "$expected" ]] || fail "refused with:" "$said" "expected:" "$expected"
    [[ -z $(find "$out" -type f) ]] || fail "something was written"
}

"$kind" "$@"
