# The C files of a tree that did not pass as they are now: "own PATH" when that is for their own contents, or nothing is known of
# them, and "other PATH" when for what they include.
#   awk -v cache=FOLDER -v tree=FILE -f changed.awk
# `tree` is what sha256sum prints. tidy.sh leaves in the cache, for a file that passed, such a line for it and for all that it
# was judged by; "-" stands for what was not in the tree.

BEGIN {
    while ((getline line < tree) > 0) {
        path = substr(line, 67)
        now[path] = substr(line, 1, 64)
        if (path ~ /\.c$/)
            source[++count] = path
    }
    for (i = 1; i <= count; i++) {
        passed = source[i]
        gsub("/", "_", passed)
        passed = cache "/" passed
        why = ""
        known = 0
        while ((getline line < passed) > 0) {
            known = 1
            split(line, part, " ")
            if (((part[2] in now) ? now[part[2]] : "-") != part[1] && why != "own")
                why = part[2] == source[i] ? "own" : "other"
        }
        close(passed)
        if (!known)
            why = "own"
        if (why)
            print why, source[i]
    }
}
