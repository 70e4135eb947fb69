#!/bin/bash
# tidy.sh CACHE CHECKS FILE: clang-tidy on one file. CHECKS narrows those of .clang-tidy; compiler flags are in $TIDY_FLAGS.
# When it passes, CACHE has what it was judged by, as changed.awk reads it.
set -euo pipefail
cache=$1 checks=$2 file=$3

read -ra flags <<<"$TIDY_FLAGS"
if ! found=$(clang-tidy --quiet --checks="$checks" "$file" -- "${flags[@]}" 2>/dev/null); then
    # The path of reasoning is left out; clang-tidy FILE -- FLAGS shows it.
    printf '%s\n' "$found" | sed -n "s#^$PWD/##; / error: /p"
    exit 1
fi
# Generated headers follow from the protos, which the compilers check.
headers=$(clang "${flags[@]}" -MM -MG "$file" 2>/dev/null | tr ' \\' '\n\n' |
    grep -v -e ':$' -e '^$' -e '^/' -e '^bazel-' || true)
{
    echo .clang-tidy
    echo bazel/lint/tidy.sh
    echo bazel/pek.bzl
    printf '%s\n' "$file" $headers
} | sort -u | while IFS= read -r path; do
    printf '%s %s\n' "$(grep -F "  $path" "$cache.tree" | awk -v path="$path" '$2 == path { print $1; found = 1; exit } END { if (!found) print "-" }')" "$path"
done >"$cache/${file//\//_}.new"
mv "$cache/${file//\//_}.new" "$cache/${file//\//_}"
