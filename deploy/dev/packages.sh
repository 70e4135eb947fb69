# shellcheck shell=bash
# ./dev packages: Debian packages of hub, worker and pekctl.
# shellcheck source=deploy/dev/web.sh
source "$PARTS/web.sh"

readonly packages_help='usage: ./dev packages

Builds the programs and the web site, and makes Debian packages of them, for the release of this machine:

  .pek/packages/pek-hub_VERSION_ARCHITECTURE.deb       the hub, the web site, the unit pek-hub@
  .pek/packages/pek-worker_VERSION_ARCHITECTURE.deb    the worker, the unit pek-worker@
  .pek/packages/pekctl_VERSION_ARCHITECTURE.deb

each with its man page and what bash completes, which are made of --help. docs/operations.md tells how they are installed.'

# What is packed is laid out as debian/ wants it: programs, site, man pages, completions, examples.
packages_about() { # program: the line below NAME
    case $1 in
        pek-hub) echo 'the hub of a PEK federation: one login, one profile and one web site over its realms' ;;
        pek-worker) echo 'one realm of a PEK federation' ;;
        pekctl) echo 'what an operator of a PEK federation says to it' ;;
    esac
}

packages_files() { # program: what FILES says, as name=text, | between
    case $1 in
        pek-hub | pekctl) echo "/etc/pek/hub/hub.conf=the hub's configuration: name = value lines|/etc/pek/public/=authorities and public keys" ;;
        pek-worker) echo "/etc/pek/REALM/worker.conf=the configuration of the realm's worker: name = value lines|/etc/pek/public/=authorities and public keys|/usr/share/doc/pek-worker/examples/worker.conf=one to begin with" ;;
    esac
}

packages_lay() { # folder version
    local source=$ROOT/deploy/debian program help
    rm -rf "$1"
    mkdir -p "$1/bin" "$1/man" "$1/completion" "$1/etc" "$1/examples" "$1/docs"
    cp -r "$source" "$1/debian"
    rm "$1"/debian/{*.awk,*.conf}
    sed 's/^/ /; s/^ $/ ./' "$ROOT/LICENSE" | sed '1,/Permission/{/Permission/!d}' >>"$1/debian/copyright"
    cp "$ROOT"/deploy/systemd/pek-hub@.service "$1/debian/pek-hub.pek-hub@.service"
    cp "$ROOT"/deploy/systemd/pek-worker@.service "$1/debian/pek-worker.pek-worker@.service"
    cp "$source/hub.conf" "$1/etc/"
    cp "$source/worker.conf" "$1/examples/"
    cp "$ROOT/docs/operations.md" "$1/docs/"
    cp -r "$WEB/dist" "$1/site"
    rm -rf "$1/site/.vite"
    for program in pek-hub pek-worker pekctl; do
        cp "$BUILD_DIR/bin/release/$program" "$1/bin/"
        help=$("$1/bin/$program" --help)
        awk -v program="$program" -v about="$(packages_about "$program")" -v files="$(packages_files "$program")" -v version="$2" \
            -v day="$(date --utc --date="$(dpkg-parsechangelog --file "$source/changelog" --show-field Date)" +%F)" \
            -f "$source/man.awk" <<<"$help" >"$1/man/$program.8"
        awk -v program="$program" -f "$source/completion.awk" <<<"$help" >"$1/completion/$program"
    done
}

cmd_packages() {
    local folder=$BUILD_DIR/packages version
    help_if_asked "$packages_help" "$@"
    [[ $# -eq 0 ]] || die "packages takes no arguments"
    (setup_programs)
    (install_tools bash-completion debhelper fakeroot)
    build_programs release
    web_build
    version=$("$BUILD_DIR/bin/release/pek-hub" --version)
    version=${version##* }
    [[ $(dpkg-parsechangelog --file "$ROOT/deploy/debian/changelog" --show-field Version) == "$version" ]] ||
        die "deploy/debian/changelog begins with another version than that of the programs, $version"
    rm -rf "$folder"
    packages_lay "$folder/pek" "$version"
    (cd "$folder/pek" && SOURCE_DATE_EPOCH=$(dpkg-parsechangelog --show-field Timestamp) \
        with_patience "still packing" dpkg-buildpackage --build=binary --no-sign) >"$folder/log" 2>&1 || {
        tail -n 20 "$folder/log" >&2
        die "the packages cannot be made; all of it is in $folder/log"
    }
    rm -rf "$folder"/pek "$folder"/*.buildinfo "$folder"/*.changes
    printf '%s\n' "$folder"/*.deb
}
