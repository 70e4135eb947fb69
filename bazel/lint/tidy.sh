#!/bin/bash
# tidy.sh CACHE CHECKS FILE: clang-tidy and cppcheck on one file. CHECKS narrows those of .clang-tidy; flags are in $TIDY_FLAGS
# and $CPPCHECK_FLAGS.
# When it passes, CACHE has what it was judged by, as changed.awk reads it.
set -euo pipefail
cache=$1 checks=$2 file=$3

read -ra flags <<<"$TIDY_FLAGS"
read -ra cppcheck_flags <<<"$CPPCHECK_FLAGS"
status=0
if ! found=$(clang-tidy --quiet --checks="$checks" "$file" -- "${flags[@]}" 2>/dev/null); then
    # The path of reasoning is left out; clang-tidy FILE -- FLAGS shows it.
    printf '%s\n' "$found" | sed -n "s#^$PWD/##; / error: /p"
    status=1
fi
cppcheck "${cppcheck_flags[@]}" "$file" || status=1
[[ $status -eq 0 ]] || exit 1
# Generated headers follow from the protos, which the compilers check.
headers=$(clang "${flags[@]}" -MM -MG "$file" 2>/dev/null | tr ' \\' '\n\n' |
    grep -v -e ':$' -e '^$' -e '^/' -e '^bazel-' || true)
{
    echo .clang-tidy
    echo bazel/lint/tidy.sh
    echo bazel/lint/cppcheck-suppressions.txt
    echo bazel/pek.bzl
    printf '%s\n' "$file" $headers
} | sort -u | awk 'NR == FNR { now[$2] = $1; next } { print ($0 in now) ? now[$0] : "-", $0 }' "$cache.tree" - >"$cache/${file//\//_}.new"
mv "$cache/${file//\//_}.new" "$cache/${file//\//_}"
