#!/bin/bash
# Lays sources out as bazel/lint.sh wants them: C by clang-format, white space at line ends elsewhere.
#   bazel/format.sh [FILE…]    all files without arguments
set -euo pipefail
cd "$(dirname "$0")/.."

list() {
    if [[ $# -gt 0 ]]; then
        printf '%s\n' "$@"
    else
        git ls-files --cached --others --exclude-standard | sort -u | { grep -v 'corpus/' || true; }
    fi | while IFS= read -r file; do
        if [[ -f $file && ! -L $file ]]; then printf '%s\n' "$file"; fi
    done
}

list "$@" | { grep -E '\.[ch]$' || true; } | tr '\n' '\0' |
    xargs -0 -r -n 16 -P "$(nproc)" clang-format -i
# Only files that need it are written, binaries never.
list "$@" | tr '\n' '\0' | { xargs -0 -r grep -IlE '[[:blank:]]+$' -- || true; } | tr '\n' '\0' |
    xargs -0 -r sed -i 's/[[:blank:]]*$//'
