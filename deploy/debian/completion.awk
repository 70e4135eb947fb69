# What bash completes for a program, out of what it says to --help:
#   pek-hub --help | awk -v program=pek-hub -f completion.awk

# --name, --name=KIND and --name KIND, wherever one is told of; those of a file or folder are followed by one.
{
    rest = $0
    while (match(rest, /--[a-z][-a-z0-9]*(=[A-Z]|( | \| )[A-Z]+)?/)) {
        flag = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        kind = flag
        sub(/[= ].*/, "", flag)
        if (!(flag in flags))
            order[++count] = flag
        flags[flag] = 1
        if (kind ~ / FILE$/ || kind ~ /=[FP]$/)
            paths[flag] = 1
    }
}

/=CHOICE/ {
    match($0, /--[a-z-]+/)
    chosen = substr($0, RSTART, RLENGTH)
}

chosen && /^ *\(/ {
    line = $0
    sub(/^ *\(/, "", line)
    sub(/;.*/, "", line)
    gsub(/,/, "", line)
    choices[chosen] = line
    chosen = ""
}

/^commands:/ { in_commands = 1; next }
/^[a-z]+:/ { in_commands = 0 }
in_commands && /^  [a-z]/ { commands = commands " " $1 }

# "  pekctl instance add REALM …": the first word, and the second after it.
$1 == program && $2 ~ /^[a-z]+$/ {
    if (!($2 in second)) {
        commands = commands " " $2
        second[$2] = ""
    }
    if ($3 ~ /^[a-z]+$/)
        second[$2] = second[$2] " " $3
}

END {
    name = "_" program
    gsub(/-/, "_", name)
    all = ""
    for (i = 1; i <= count; i++)
        all = all " " order[i]
    for (i = 1; i <= count; i++)
        if (order[i] in paths)
            files = files (files ? " | " : "") order[i]
    printf "# bash completion for %s, made of its --help\n", program
    printf "%s() {\n    local cur prev words cword split\n    _init_completion -s || return\n    case $prev in\n", name
    if (files)
        printf "        %s)\n            _filedir\n            return\n            ;;\n", files
    for (flag in choices)
        printf "        %s)\n            mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n            return\n            ;;\n", flag, choices[flag]
    for (word in second)
        if (second[word])
            printf "        %s)\n            mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n            return\n            ;;\n", word, substr(second[word], 2)
    printf "    esac\n    mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n} &&\n    complete -F %s %s\n", substr(commands all, 2), name, program
}
