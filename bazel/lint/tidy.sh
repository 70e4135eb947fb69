#!/bin/bash
# tidy.sh CACHE CHECKS FILE: clang-tidy on one file, unless it passed before with the same contents, the
# same headers of this repository and the same settings. CHECKS narrows those of .clang-tidy; compiler
# flags are in $TIDY_FLAGS.
set -euo pipefail
cache=$1 checks=$2 file=$3

read -ra flags <<<"$TIDY_FLAGS"
# Generated headers count by name only; they follow from the protos, which the compilers check.
headers=$(clang "${flags[@]}" -MM -MG "$file" 2>/dev/null | tr ' \\' '\n\n' | grep -v -e ':$' -e '^$' -e '^/' || true)
key=$({
    echo "$TIDY_FLAGS $checks"
    for header in .clang-tidy $headers; do
        if [[ -f $header && $header != bazel-* ]]; then sha256sum "$header"; else echo "$header"; fi
    done
} | sha256sum | cut -c1-32)

passed="$cache/${file//\//_}"
if [[ -f $passed && $(<"$passed") == "$key" ]]; then
    exit 0
fi
if ! found=$(clang-tidy --quiet --checks="$checks" "$file" -- "${flags[@]}" 2>/dev/null); then
    # The path of reasoning is left out; clang-tidy FILE -- FLAGS shows it.
    printf '%s\n' "$found" | sed -n "s#^$PWD/##; / error: /p"
    exit 1
fi
echo "$key" >"$passed"
