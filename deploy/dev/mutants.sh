# shellcheck shell=bash
# ./dev mutants: shows that the tests of each protection fail when the protection is switched off.

# shellcheck disable=SC2016 # the quotes are a person's
readonly mutants_help='usage: ./dev mutants [--list] [--only NAME]

Takes each mutant of tests/mutants/mutants.txt (one protection switched off), applies it to a copy of this
tree outside the repository, and runs the tests that must notice. Prints a line for each: `killed` when the
tests failed, `SURVIVED` when they passed. Ends with `N killed, N survived, N broken`; broken is a mutant
that no longer fits the sources or does not compile. Exit code 1 unless all are killed.

  --list       the mutants, what each breaks and what must notice, without running anything
  --only NAME  only this one; may be repeated

Takes minutes: the copy is built from nothing the first time. What was built is kept for the next time in
a folder that the first line names.'

mutants_list() { # file: lines `name`, tab, `breaks`, tab, `targets`
    awk '
        function row() { if (name != "") printf "%s\t%s\t%s\n", name, breaks, targets }
        $1 == "mutant" { row(); name = $2; breaks = targets = "" }
        $1 == "breaks" { sub(/^breaks[ \t]+/, ""); breaks = $0 }
        $1 == "test" { targets = targets (targets == "" ? "" : " ") $2 }
        END { row() }' "$1"
}

# The tree as it is, with what is not committed yet and without what git ignores.
copy_tree() { # folder
    local file
    rm -rf "$1"
    mkdir -p "$1"
    git -C "$ROOT" ls-files --cached --others --exclude-standard | while IFS= read -r file; do
        [[ ! -e $ROOT/$file ]] || printf '%s\n' "$file"
    done | sort -u | tar -C "$ROOT" -cf - --verbatim-files-from -T - | tar -C "$1" -xf -
}

run_bazel() { # log command…
    local log=$1
    shift
    (cd "$MUTANTS/tree" && bazel --output_base="$MUTANTS/output" "$@") >"$log" 2>&1 </dev/null
}

# The failed sentences of a test, in one line.
failed_sentences() { # target
    local log=$MUTANTS/tree/bazel-testlogs/${1#//}
    sed -n 's/^\[  FAILED  \] \([a-z_0-9]*\)$/\1/p' "${log/://}/test.log" 2>/dev/null | sort -u | paste -sd' ' |
        sed 's/\([^ ]* [^ ]*\) .*/\1 …/'
}

# Prints the line of one mutant. 0 killed, 1 survived, 2 broken.
run_mutant() { # name targets…
    local name=$1 target status=0 files survived='' how=''
    shift
    mapfile -t files < <(awk -v name="$name" '$1 == "mutant" { ours = $2 == name } ours && $1 == "file" { print $2 }' \
        "$MUTANTS/tree/tests/mutants/mutants.txt" | sort -u)
    # From the copy and back into it: the tree may change under a run that takes minutes.
    tar -C "$MUTANTS/tree" -cf "$MUTANTS/original.tar" "${files[@]}"
    (cd "$MUTANTS/tree" && awk -v name="$name" -f tests/mutants/apply.awk tests/mutants/mutants.txt) || status=2
    [[ $status -ne 0 ]] ||
        run_bazel "$MUTANTS/log/$name" test --test_summary=terse --test_output=errors "$@" || status=$?
    tar -C "$MUTANTS/tree" -xf "$MUTANTS/original.tar"
    case $status in
        0 | 3) ;;
        2)
            printf 'BROKEN   %s: it does not fit the sources any more\n' "$name"
            return 2
            ;;
        *)
            printf 'BROKEN   %s: no test ran, see %s\n' "$name" "$MUTANTS/log/$name"
            return 2
            ;;
    esac
    for target in "$@"; do
        # Bazel says //a/b as //a/b:b.
        if grep -qE "^$target(:${target##*/})? +(FAILED|TIMEOUT)" "$MUTANTS/log/$name"; then
            how="$how$target $(failed_sentences "$target") "
        else
            survived="$survived$target "
        fi
    done
    if [[ -n $survived ]]; then
        printf 'SURVIVED %s (%s)\n' "$name" "${survived% }"
        return 1
    fi
    printf 'killed   %s (%s)\n' "$name" "${how% }"
}

cmd_mutants() {
    local only=() list=false name breaks targets rows=() all=() killed=0 survived=0 broken=0 status
    help_if_asked "$mutants_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --list) list=true ;;
            --only)
                only+=("${2:?--only takes the name of a mutant}")
                shift
                ;;
            *) die "mutants does not know '$1'; see ./dev mutants --help" ;;
        esac
        shift
    done
    mapfile -t rows < <(mutants_list "$ROOT/tests/mutants/mutants.txt")
    for name in "${only[@]}"; do
        # Not `grep -q` at the end of a pipe: it leaves at the first match, and with pipefail whoever still writes fails.
        grep -qxF -e "$name" <<<"$(printf '%s\n' "${rows[@]}" | cut -f1)" || die "there is no mutant '$name'"
    done
    if [[ $list == true ]]; then
        printf '%s\n' "${rows[@]}" | while IFS=$'\t' read -r name breaks targets; do
            printf '%s\n    breaks: %s\n    must fail: %s\n' "$name" "$breaks" "$targets"
        done
        return
    fi
    command -v bazel >/dev/null || die "bazel is missing; ./dev setup installs it"
    MUTANTS=${TMPDIR:-/tmp}/pek-mutants-$(id -u)-$(printf '%s' "$ROOT" | cksum | cut -d' ' -f1)
    mkdir -p "$MUTANTS/log"
    # Two runs would change the same copy.
    exec 9>"$MUTANTS/lock"
    flock -n 9 || die "another ./dev mutants is running in $MUTANTS"
    say "dev: the copy, what is built of it and the logs are in $MUTANTS"
    copy_tree "$MUTANTS/tree"
    trap 'run_bazel /dev/null shutdown || true; rm -rf "$MUTANTS/tree"' EXIT
    mapfile -t all < <(
        printf '%s\n' "${rows[@]}" | while IFS=$'\t' read -r name breaks targets; do
            [[ ${#only[@]} -eq 0 || " ${only[*]} " == *" $name "* ]] || continue
            printf '%s\n' "$targets" | tr ' ' '\n'
        done | sort -u
    )
    say "dev: first the tests as they are: ${all[*]}"
    run_bazel "$MUTANTS/log/unchanged" test --test_summary=terse --test_output=errors "${all[@]}" || {
        tail -n 40 "$MUTANTS/log/unchanged" >&2
        die "these tests must pass before a mutant can make them fail; see $MUTANTS/log/unchanged"
    }
    for name in "${rows[@]}"; do
        IFS=$'\t' read -r name breaks targets <<<"$name"
        [[ ${#only[@]} -eq 0 || " ${only[*]} " == *" $name "* ]] || continue
        status=0
        # shellcheck disable=SC2086 # targets are words
        run_mutant "$name" $targets || status=$?
        case $status in
            0) killed=$((killed + 1)) ;;
            1) survived=$((survived + 1)) ;;
            *) broken=$((broken + 1)) ;;
        esac
    done
    printf '%s killed, %s survived, %s broken\n' "$killed" "$survived" "$broken"
    [[ $survived -eq 0 && $broken -eq 0 ]]
}
