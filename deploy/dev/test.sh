# shellcheck shell=bash
# ./dev test: every test there is, with one count at the end.
# shellcheck source=deploy/dev/web.sh
source "$PARTS/web.sh"
# shellcheck source=deploy/dev/kubernetes.sh
source "$PARTS/kubernetes.sh"

readonly test_help='usage: ./dev test [--fast | --end-to-end | --deploy] [--sanitize asan|ubsan|tsan] [--keep] [--only NAME]

Runs the unit, contract and architecture tests (bazel test //...), those of the web site, then the end-to-end tests of tests/e2e
against a federation that it starts on free ports with data of its own. Ends with `N passed, N failed`.

  --fast           without the end-to-end tests
  --end-to-end     only these
  --deploy         only what is delivered, tests/deploy: the container image, the Debian packages (as root), and the manifests for
                   Kubernetes (where Go is); builds them first. Minutes, and not part of the rest
  --sanitize NAME  everything built with that sanitizer; a report in a log is a failed test
  --only NAME      only tests/e2e/NAME.test.mjs
  --keep           leave the data and logs of the end-to-end tests where they are, and say where'

passed=0
failed=0

# The build event stream says of each test target how it went.
run_bazel_tests() { # bazel options…
    local events=$BUILD_DIR/test-events.json status=0 bad
    rm -f "$events"
    (cd "$ROOT" && bazel test //... --keep_going --test_summary=short --build_event_json_file="$events" "$@") >&2 ||
        status=$?
    [[ -f $events ]] || die "bazel did not run; what it needs is installed by ./dev setup"
    passed=$((passed + $(grep -c '"overallStatus":"\(PASSED\|FLAKY\)"' "$events" || true)))
    bad=$(grep '"overallStatus":' "$events" | grep -vc '"overallStatus":"\(PASSED\|FLAKY\)"' || true)
    # A build that failed, or a test that could not be built, is not in that count.
    [[ $status -eq 0 || $bad -gt 0 ]] || bad=1
    failed=$((failed + bad))
}

# A sanitizer reports when the program ends, so logs are read after all has stopped.
count_reports() { # folder
    local reports
    reports=$(grep -lE 'ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:' "$1"/log/*.log || true)
    if [[ -n $reports ]]; then
        grep -hE -A 12 'ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:' "$1"/log/*.log |
            head -n 60 >&2
        say "dev: a sanitizer reported in: $reports"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}

# Of one run of node's test runner, whose reports are in a file.
count_tap() { # file status
    local count
    count=$(sed -n 's/^# pass //p' "$1" | tail -n 1)
    passed=$((passed + ${count:-0}))
    count=$(sed -n 's/^# \(fail\|cancelled\) //p' "$1" | awk '{ sum += $1 } END { print sum }')
    [[ $2 -eq 0 || ${count:-0} -gt 0 ]] || count=1
    failed=$((failed + ${count:-0}))
}

# The client and the site by themselves.
run_web_tests() {
    local status=0
    web_build
    (cd "$WEB" && node --test --test-reporter=spec --test-reporter-destination=stderr \
        --test-reporter=tap --test-reporter-destination="$BUILD_DIR/web-tap" test/*.test.mjs) </dev/null || status=$?
    count_tap "$BUILD_DIR/web-tap" "$status"
}

run_end_to_end_tests() { # build only keep
    local folder first status=0 files
    command -v node >/dev/null || die "end-to-end tests need Node; ./dev setup installs it (or take ./dev test --fast)"
    (install_npm tests/e2e)
    folder=$(mktemp -d /tmp/pek-e2e.XXXXXX)
    chmod 755 "$folder"
    first=$(free_ports 6)
    files=("$ROOT"/tests/e2e/*.test.mjs)
    [[ -z $2 ]] || files=("$ROOT/tests/e2e/$2.test.mjs")
    [[ -e ${files[0]} ]] || die "there is no ${files[0]}"
    # shellcheck disable=SC2064 # the folder of now
    trap "'$ROOT/dev' down --data '$folder/data' 2>/dev/null || true; [[ $3 == true ]] || rm -rf '$folder'" EXIT
    "$ROOT/dev" up --detach --data "$folder/data" --port "$first" --worker-port "$((first + 1))" --build "$1" >&2 || {
        failed=$((failed + 1))
        return
    }
    # shellcheck disable=SC2034 # lift_user_limits uses it
    DATA=$folder/data
    lift_user_limits "$first"
    say "dev: end-to-end tests against http://127.0.0.1:$first"
    (
        cd "$ROOT/tests/e2e"
        export PEK_TEST_DATA=$folder/data PEK_TEST_PORT=$first PEK_TEST_BUILD=$1
        export PEK_TEST_FREE_PORT=$((first + 3))
        node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stderr \
            --test-reporter=tap --test-reporter-destination="$folder/tap" "${files[@]}"
    ) </dev/null || status=$?
    count_tap "$folder/tap" "$status"
    "$ROOT/dev" down --data "$folder/data"
    case $1 in asan | ubsan | tsan) count_reports "$folder/data" ;; esac
    [[ $3 == false ]] || say "dev: data and logs are in $folder/data"
}

# A script of tests/deploy, whose last line counts.
run_deploy_script() { # file
    local last
    say "dev: $1"
    last=$("$ROOT/tests/deploy/$1" </dev/null | tail -n 1) || true
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
}

run_deploy_tests() {
    local status=0
    if "$ROOT/dev" image >&2; then
        run_deploy_script image_test.sh
    else
        failed=$((failed + 1))
    fi
    if "$ROOT/dev" packages >&2; then
        run_deploy_script packages_test.sh
    else
        failed=$((failed + 1))
    fi
    (kubernetes_tools) || return 0
    node --test --test-reporter=spec --test-reporter-destination=stderr --test-reporter=tap \
        --test-reporter-destination="$BUILD_DIR/deploy-tap" "$ROOT/tests/deploy/kubernetes.test.mjs" </dev/null || status=$?
    count_tap "$BUILD_DIR/deploy-tap" "$status"
}

cmd_test() {
    local bazel=true end_to_end=true deploy=false keep=false sanitize='' only='' options=()
    help_if_asked "$test_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --fast) end_to_end=false ;;
            --end-to-end)
                bazel=false
                end_to_end=true
                ;;
            --deploy)
                deploy=true
                bazel=false
                end_to_end=false
                ;;
            --keep) keep=true ;;
            --only)
                only=${2:?--only takes the name of an end-to-end test}
                bazel=false
                end_to_end=true
                shift
                ;;
            --sanitize)
                [[ ${2-} =~ ^(asan|ubsan|tsan)$ ]] || die "--sanitize takes asan, ubsan or tsan"
                sanitize=$2
                shift
                ;;
            *) die "test does not know '$1'; see ./dev test --help" ;;
        esac
        shift
    done
    (cmd_setup)
    mkdir -p "$BUILD_DIR"
    [[ -z $sanitize ]] || options=(--config="$sanitize")
    [[ $bazel == false ]] || run_bazel_tests "${options[@]}"
    [[ $bazel == false ]] || run_web_tests
    [[ $end_to_end == false ]] || run_end_to_end_tests "${sanitize:-release}" "$only" "$keep"
    [[ $deploy == false ]] || run_deploy_tests
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [[ $failed -eq 0 ]]
}
