#!/bin/bash
# changed.awk finds what did not pass as it is now, and whether for its own contents or for what it includes.
set -euo pipefail
cd "$(dirname "$0")"
cache=$TEST_TMPDIR/cache tree=$TEST_TMPDIR/tree
mkdir -p "$cache"

hash_of() { printf '%s' "$1" | sha256sum | cut -c1-64; }
in_tree() { printf '%s  %s\n' "$(hash_of "$2")" "$1" >>"$tree"; }
# What FILE passed with: each path and its contents then, or "-" where it was not in the tree.
passed() { # file {path contents}…
    local file=$1
    shift
    while [[ $# -gt 0 ]]; do
        printf '%s %s\n' "$([[ $2 == - ]] && echo - || hash_of "$2")" "$1"
        shift 2
    done >"$cache/${file//\//_}"
}

in_tree a/same.c same
in_tree a/itself.c new
in_tree a/both.c new
in_tree a/includes.c same
in_tree a/unknown.c any
in_tree a/appeared.c same
in_tree a/h.h new
in_tree a/there_now.h any
passed a/same.c a/same.c same
passed a/itself.c a/itself.c old
passed a/both.c a/h.h old a/both.c old
passed a/includes.c a/h.h old a/includes.c same
passed a/appeared.c a/appeared.c same a/there_now.h -
found=$(awk -v cache="$cache" -v tree="$tree" -f changed.awk)
expected='own a/itself.c
own a/both.c
other a/includes.c
own a/unknown.c
other a/appeared.c'
if [[ $found != "$expected" ]]; then
    printf 'expected:\n%s\nfound:\n%s\n' "$expected" "$found"
    exit 1
fi
