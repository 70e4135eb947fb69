# Checks of the text of one or more C files: lengths, banned calls, left-over marks.
#   awk -v banned=FILE -v long=FILE -v lines_max=N -v function_lines_max=N -f text.awk files…
# Comments and strings are blanked first, so that only code is judged. Prints file:line: what.

function report(what) {
    printf "%s:%d: %s\n", FILENAME, FNR, what
    failed = 1
}

# `line` without comments and literals; remembers an open comment for the next line.
function code_of(line,    out, two, quote) {
    out = ""
    while (line != "") {
        two = substr(line, 1, 2)
        if (in_comment) {
            if (!match(line, /\*\//))
                return out
            line = substr(line, RSTART + 2)
            in_comment = 0
        } else if (two == "/*") {
            in_comment = 1
            line = substr(line, 3)
        } else if (two == "//") {
            return out
        } else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^'([^'\\]|\\.)*'/)) {
            out = out "\"\""
            line = substr(line, RLENGTH + 1)
        } else {
            out = out substr(line, 1, 1)
            line = substr(line, 2)
        }
    }
    return out
}

BEGIN {
    while ((getline entry < banned) > 0) {
        if (entry ~ /^#/ || entry == "")
            continue
        split(entry, column, "\t")
        banned_count++
        banned_call[banned_count] = "(^|[^A-Za-z0-9_.>])(" column[1] ")[ ]*\\("
        banned_use[banned_count] = column[2]
    }
    while ((getline entry < long) > 0) {
        if (entry !~ /^#/ && entry != "")
            may_be_long[substr(entry, 1, match(entry, /[ \t]|$/) - 1)] = 1
    }
}

FNR == 1 { in_comment = 0; function_start = 0; name = "" }

{
    # A comment that says what is not done, instead of doing it.
    if ($0 ~ /(^|[^A-Za-z0-9_])(TODO|FIXME|XXX|HACK)([^A-Za-z0-9_]|$)/)
        report("finish it, or leave it out and say so in the documentation")
    code = code_of($0)
    for (i = 1; i <= banned_count; i++)
        if (code ~ banned_call[i])
            report("banned call; use " banned_use[i])
    if (match(code, /[a-zA-Z_0-9]+\(/) && code ~ /^[a-zA-Z_]/)
        name = substr(code, RSTART, RLENGTH - 1)
    if (code ~ /^\{/)
        function_start = FNR
    if (code ~ /^\}/ && function_start) {
        if (FNR - function_start - 1 > function_lines_max && !((FILENAME ":" name) in may_be_long))
            report(name " has " FNR - function_start - 1 " lines, more than " function_lines_max)
        function_start = 0
    }
    if (FNR == lines_max + 1 && !(FILENAME in may_be_long))
        report("the file has more than " lines_max " lines")
}

END { exit failed }
