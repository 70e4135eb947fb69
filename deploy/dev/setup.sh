# shellcheck shell=bash
# ./dev setup: what the other commands need on this machine. Does nothing when all is there.

readonly setup_help='usage: ./dev setup

Installs the Debian packages of bazel/debian-packages.txt that are missing (with sudo when not root),
fetches the Debian source that the build takes headers from, and what the web site and the end-to-end tests take from npm.
Idempotent: when nothing is missing it changes nothing and needs no network. `./dev up` does the same, but for
the browser and the clients of the tests.'

missing_packages() {
    local package
    # Comments and blank lines aside, one package a line.
    sed 's/#.*//; /^[[:blank:]]*$/d' "$ROOT/bazel/debian-packages.txt" | while read -r package; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null |
            grep -qx installed || printf '%s\n' "$package"
    done
}

# Node may have come from elsewhere than Debian: ask for the programs.
missing_node() {
    command -v node >/dev/null || printf 'nodejs\n'
    command -v npm >/dev/null || printf 'npm\n'
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "packages are missing and this is not root: run 'apt-get install ${missing[*]}' as root, then again"
    fi
}

# Packages of servers would start them as services of the machine; what a federation needs it runs itself.
install_packages() { # package…
    local guard=/usr/sbin/policy-rc.d guarded=false status=0
    command -v apt-get >/dev/null || die "this machine is not Debian; these packages are needed: $*"
    if [[ ! -e $guard ]]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$guard" >/dev/null
        as_root chmod 755 "$guard"
        guarded=true
    fi
    say "dev: installing $*"
    {
        as_root apt-get -qq update &&
            with_patience "still installing packages" as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get -qq -y --no-install-recommends install "$@"
    } >&2 </dev/null || status=$?
    [[ $guarded == false ]] || as_root rm -f "$guard"
    [[ $status -eq 0 ]] || die "apt-get could not install: $*"
}

# What only some commands need, so that nobody else installs it.
install_tools() { # package…
    local tool missing=()
    for tool in "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$tool" 2>/dev/null | grep -qx installed || missing+=("$tool")
    done
    [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
}

# node_modules remembers the lock file that it was made from.
install_npm() { # folder
    local folder=$ROOT/$1
    cmp -s "$folder/package-lock.json" "$folder/node_modules/.made-from" && return 0
    say "dev: npm ci in $1"
    (cd "$folder" && with_patience "npm ci goes on" npm ci --no-audit --no-fund --loglevel=error) >&2 </dev/null ||
        die "npm ci failed in $1, as said above: its packages come from the npm registry; see whether this machine reaches it (npm ping), then say ./dev setup again"
    cp "$folder/package-lock.json" "$folder/node_modules/.made-from"
}

# What a build and a running federation need.
setup_programs() {
    local missing
    mapfile -t missing < <(missing_packages; missing_node)
    [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
    "$ROOT/bazel/fetch-debian-source.sh" </dev/null ||
        die "the Debian source of gRPC could not be fetched; the build takes headers from it"
    install_npm web
}

cmd_setup() {
    help_if_asked "$setup_help" "$@"
    [[ $# -eq 0 ]] || die "setup takes no arguments"
    setup_programs
    # The site is tested in a browser; without one these tests are skipped, and say so.
    command -v chromium >/dev/null || install_packages chromium
    install_npm tests/e2e
}
