# shellcheck shell=bash
# ./dev simulate: seeds of the simulation, as many as wanted.

readonly simulate_help='usage: ./dev simulate [--seeds N] [--from SEED] [--seed SEED] [--verbose]

Runs the hub over scripted realms under a clock that jumps: a seed decides what realms answer, when, and what goes wrong. Prints
what did not hold, and with which seed; exit code 1 then.

  --seeds N      so many (10000)
  --from SEED    from this one on (1)
  --seed SEED    this one alone
  --verbose      what happens, line by line

tests/simulation/README.md has what is asserted, and what was found.'

cmd_simulate() {
    help_if_asked "$simulate_help" "$@"
    command -v bazel >/dev/null || die "bazel is missing; ./dev setup installs it"
    (cd "$ROOT" && bazel build //tests/simulation) >&2 || die "the simulation does not build"
    "$ROOT/bazel-bin/tests/simulation/simulation" --seeds 10000 --jobs "$(nproc)" "$@"
}
