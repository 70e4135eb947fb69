# shellcheck shell=bash
# ./dev rolling: nobody notices a restart, nor an upgrade.
# shellcheck source=deploy/dev/setup.sh
source "$PARTS/setup.sh"

readonly rolling_help='usage: ./dev rolling [--from REV] [--rounds N] [--keep] [--build CONFIG]

Starts a federation of its own: two hubs behind haproxy, and two replicas of each worker. While clients read, write and walk through lists, each
program is ended by SIGTERM and started again, one after the other. Counts what every client was answered, and asks the invariants of
tests/chaos at the end. Exit code 1 when a request failed, or a list lacked a realm.

  --from REV      an upgrade: begins with the programs of that commit, which is built in a tree of its own. Then the migrations of this tree run, and the
                  programs of this tree take their places: hubs before workers, back again, and workers before hubs
  --rounds N      without --from: how often everything is restarted, 1 unless told
  --keep          leave data and logs where they are, and say where; so they are left when anything failed
  --build CONFIG  release (default), or fastbuild, asan, ubsan, tsan

  ./dev rolling --rounds 3
  ./dev rolling --from main~10'

rolling_stop() { # folder
    worktree_remove "$1/tree"
    rm -rf "$1"
}

cmd_rolling() {
    local build=release words=() from='' folder
    help_if_asked "$rolling_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --from)
                from=$(git -C "$ROOT" rev-parse --verify --quiet "${2-}^{commit}") || die "there is no commit '${2-}'"
                shift
                ;;
            --rounds)
                [[ ${2-} =~ ^[1-9][0-9]{0,2}$ ]] || die "--rounds takes a whole number from 1 to 999"
                words+=("$1" "$2")
                shift
                ;;
            --build)
                build=${2:?--build takes a configuration of .bazelrc}
                shift
                ;;
            --keep) words+=("$1") ;;
            *) die "rolling does not know '$1'; see ./dev rolling --help" ;;
        esac
        shift
    done
    command -v node haproxy >/dev/null || die "this needs Node and haproxy; ./dev setup installs them"
    (install_npm tests/e2e)
    build_programs "$build"
    words+=(--now "$BUILD_DIR/bin/$build")
    if [[ -n $from ]]; then
        folder=$(mktemp -d /tmp/pek-rolling-from.XXXXXX)
        # shellcheck disable=SC2064 # the folder of now
        trap "rolling_stop '$folder'" EXIT
        worktree_add "$folder/tree" "$from"
        (ROOT=$folder/tree BUILD_DIR=$folder/bin build_programs "$build")
        words+=(--old "$folder/bin/bin/$build")
    fi
    PEK_TEST_BUILD=$build node "$ROOT/tests/chaos/rolling.mjs" --port "$(free_ports 12)" "${words[@]}"
}
