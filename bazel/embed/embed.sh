#!/bin/bash
# embed.sh HEADER SOURCE INCLUDE SYMBOL FILE
# Writes FILE as C: SYMBOL, its bytes followed by a zero that is not counted, and SYMBOL_len.
set -euo pipefail
header=$1 source=$2 include=$3 symbol=$4 file=$5

cat >"$header" <<C
/* Generated from ${file##*/}. A zero byte follows the last: text can be used as a string. */
#pragma once
#include <stddef.h>
extern const unsigned char ${symbol}[];
extern const size_t ${symbol}_len;
C

{
    printf '#include "%s"\n' "$include"
    printf 'const unsigned char %s[] =\n""\n' "$symbol"
    od -An -v -tx1 -w32 "$file" | sed 's/ /\\x/g; s/^/"/; s/$/"/'
    printf ';\nconst size_t %s_len = sizeof(%s) - 1;\n' "$symbol" "$symbol"
} >"$source"
