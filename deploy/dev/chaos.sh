# shellcheck shell=bash
# ./dev chaos: what the federation does while parts of it fail.
# shellcheck source=deploy/dev/setup.sh
source "$PARTS/setup.sh"

readonly chaos_help='usage: ./dev chaos [--seed N]… [--minutes M] [--only CASE]… [--list] [--keep] [--build CONFIG]

Starts a federation of its own, with a proxy on every way between its programs, PostgreSQL and Redis, and does to it what tests/chaos/README.md
has a table of: processes are killed and stopped, connections cut, frozen and spoiled, PostgreSQL restarted. Each case asserts what must be
answered meanwhile, and that everything is back afterwards. Then the combined run: clients that write and read, and keep their own history,
while the seed chooses faults; when all is healed, the invariants are asked of every database. Exit code 1 with what was violated.

  --list          the rows of the fault table, their cases, and where else they are tested
  --only CASE     only this case; may be repeated; `combined` is the run that the seed makes
  --seed N        only the combined run, with the faults of that seed (else it is a new one, which is said); of several, one after the other
  --minutes M     for how long the combined run goes, 2 unless told
  --keep          leave data and logs where they are, and say where; so they are left when anything failed
  --build CONFIG  release (default), or fastbuild, asan, ubsan, tsan

  ./dev chaos --seed 7 --minutes 10
  ./dev chaos --only worker-frozen --only mid-stream'

cmd_chaos() {
    local build=release words=() list=false
    help_if_asked "$chaos_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --seed)
                [[ ${2-} =~ ^[0-9]{1,9}$ ]] || die "--seed takes a whole number below a thousand million"
                words+=("$1" "$2")
                shift
                ;;
            --minutes)
                [[ ${2-} =~ ^[1-9][0-9]{0,2}$ ]] || die "--minutes takes a whole number from 1 to 999"
                words+=("$1" "$2")
                shift
                ;;
            --only)
                words+=("$1" "${2:?--only takes a case; ./dev chaos --list has them}")
                shift
                ;;
            --build)
                build=${2:?--build takes a configuration of .bazelrc}
                shift
                ;;
            --list) list=true ;;
            --keep) words+=("$1") ;;
            *) die "chaos does not know '$1'; see ./dev chaos --help" ;;
        esac
        shift
    done
    command -v node >/dev/null || die "the chaos suite needs Node; ./dev setup installs it"
    (install_npm tests/e2e)
    if [[ $list == true ]]; then
        node "$ROOT/tests/chaos/chaos.mjs" --list
        return
    fi
    PEK_TEST_BUILD=$build exec node "$ROOT/tests/chaos/chaos.mjs" --port "$(free_ports 16)" "${words[@]}"
}
