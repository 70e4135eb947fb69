# A man page out of what a program says to --help, so that it says the same:
#   pek-hub --help | awk -v program=pek-hub -v about='…' -v version=0.1.0 -v day=2026-11-28 -v files='…' -f man.awk
# A line that begins a column is a paragraph, or the name of a section when it ends with a colon; one that is indented by two blanks is
# an item and what is told of it, two blanks apart; one that is indented more goes on.

function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    sub(/^[.']/, "\\\\\\&&", text)
    return text
}

# The name of an item, and below it what stands beside the name.
function item(text, name, blanks) {
    blanks = match(text, /   *[^ ]/) ? RSTART : 0
    name = blanks ? substr(text, 1, blanks - 1) : text
    print ".TP"
    print ".B " roff(name)
    if (blanks) {
        sub(/^ */, "", text)
        text = substr(text, blanks)
        sub(/^ */, "", text)
        print roff(text)
    }
}

BEGIN {
    printf ".TH %s 8 %s \"pek %s\" \"PEK Federation\"\n", toupper(roff(program)), roff(day), version
    print ".SH NAME"
    print roff(program) " \\- " roff(about)
}

# What NAME says already.
index($0, program ": ") == 1 { next }

/^usage: / {
    print ".SH SYNOPSIS\n.B " roff(substr($0, 8))
    print ".SH DESCRIPTION"
    next
}

/^[a-z]+:$/ {
    print ".SH " toupper(substr($0, 1, length($0) - 1))
    next
}

/^$/ {
    print ".PP"
    next
}

/^  [^ ]/ {
    item(substr($0, 3))
    next
}

/^   / {
    sub(/^ */, "")
    print roff($0)
    next
}

{ print roff($0) }

END {
    if (files) {
        print ".SH FILES"
        count = split(files, each, "|")
        for (i = 1; i <= count; i++) {
            split(each[i], part, "=")
            print ".TP\n.I " roff(part[1]) "\n" roff(part[2])
        }
    }
    print ".SH SEE ALSO"
    split("pek-hub pek-worker pekctl", all, " ")
    line = ""
    for (i = 1; i <= 3; i++)
        if (all[i] != program)
            line = line (line ? ",\n" : "") ".BR " roff(all[i]) " (8)"
    gsub(/\(8\),/, "(8),", line)
    print line
}
