#!/bin/bash
# text.awk finds what it should, and is not fooled by comments, strings and names that only look alike.
set -euo pipefail
cd "$(dirname "$0")"
file=$TEST_TMPDIR/sample.c
long=$TEST_TMPDIR/long.txt
: >"$long"

judge() { # prints what is found, without the file name
    { awk -v banned=banned.txt -v long="$long" -v lines_max="${1:-600}" -v function_lines_max="${2:-70}" \
        -f text.awk "$file" || true; } | sed "s#^$file:##"
}

expect() { # what text
    if [[ $2 != "$3" ]]; then
        printf '%s\nexpected: %s\nfound:    %s\n' "$1" "$2" "$3"
        exit 1
    fi
}

printf '%s\n' 'int x(void)' '{' '    strcpy(a, b);' '}' >"$file"
expect "a banned call is found" "3: banned call; use struct slice and struct buffer" "$(judge)"

printf '%s\n' '/* strcpy(a, b)' ' * atoi(b) */' 'const char *s = "a\"strcpy(b)"; // gets(x)' \
    'buffer_gets(x); object->sleep(1); snprintf(a, 1, "x");' >"$file"
expect "comments, strings and longer names are left alone" "" "$(judge)"

mark=TO
printf '%s\n' "/* ${mark}DO: later */" 'mkstemp("a-XXXXXX");' >"$file"
expect "a left-over mark is found" "1: finish it, or leave it out and say so in the documentation" "$(judge)"

printf '%s\n' 'static int' 'longer(int a,' '       int b)' '{' '    a;' '    b;' '}' 'int fits(void)' '{' '    a;' '}' >"$file"
expect "a long function is found by name" "7: longer has 2 lines, more than 1" "$(judge 600 1)"
expect "a long file is found once" "5: the file has more than 4 lines" "$(judge 4)"

printf '%s\t%s\n' "$file" "a table" "$file:longer" "one case a line" >"$long"
expect "what is on the list may be long" "" "$(judge 4 1)"
