# Applies one mutant of mutants.txt to the tree in the current folder, or says why it does not fit any more.
#
#     awk -v name=NAME -f apply.awk mutants.txt
#     awk -v name=all -f apply.awk mutants.txt      applies none, and names each that does not fit
#
# A change is lines with '-', found in the file exactly once whatever their indentation, and lines with '+'
# that take their place; a '-' after a '+' begins another change of the same file.

function fail(text) {
    printf "mutant %s: %s\n", of, text > "/dev/stderr"
    failed = 1
    if (name != "all")
        exit 2
}

function trimmed(line) {
    gsub(/^[ \t]+|[ \t\r]+$/, "", line)
    return line
}

function apply(    lines, count, at, i, found, where, line) {
    if (old_count == 0)
        return
    while ((getline line < path) > 0)
        lines[++count] = line
    if (count == 0)
        fail("there is no file " path)
    close(path)
    for (at = 1; at + old_count - 1 <= count; at++) {
        for (i = 1; i <= old_count && trimmed(lines[at + i - 1]) == old[i]; i++)
            ;
        if (i > old_count) {
            found++
            where = at
        }
    }
    if (found != 1)
        fail(sprintf("its %d line(s) are in %s %d times, not once: %s", old_count, path, found, old[1]))
    for (at = 1; name != "all" && at <= count; at++) {
        if (at == where)
            for (i = 1; i <= new_count; i++)
                print fresh[i] > path
        if (at < where || at >= where + old_count)
            print lines[at] > path
    }
    close(path)
    old_count = new_count = 0
    applied++
}

/^[#]/ || /^[ \t]*$/ { next }

$1 == "mutant" { apply(); of = $2; ours = of == name || name == "all"; next }

!ours { next }

$1 == "file" { apply(); path = $2; next }

/^-/ {
    if (new_count > 0)
        apply()
    old[++old_count] = trimmed(substr($0, 2))
    next
}

/^\+/ { fresh[++new_count] = substr($0, 2); next }

$1 != "breaks" && $1 != "test" { fail("what is this line: " $0) }

END {
    if (failed)
        exit 2
    apply()
    if (failed)
        exit 2
    if (!applied)
        fail("there is no such mutant, or it changes nothing")
}
