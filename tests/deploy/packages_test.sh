#!/bin/bash
# The Debian packages: judged by lintian, installed into a Debian that was made for it, and started there as their units say, since
# systemd does not run in it. ./dev packages has made them. Ends with `N passed, N failed`.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
PARTS=$ROOT/deploy/dev
# shellcheck source=tests/deploy/check.sh
source "$ROOT/tests/deploy/check.sh"
# shellcheck source=deploy/dev/common.sh
source "$PARTS/common.sh"
# shellcheck source=deploy/dev/up.sh
source "$PARTS/up.sh"

readonly PACKAGES=$BUILD_DIR/packages
readonly NAMES=(pek-hub pek-worker pekctl)
[[ -n $(compgen -G "$PACKAGES/pekctl_*.deb") ]] || die "there are no packages in $PACKAGES; ./dev packages makes them"
[[ $(id -u) -eq 0 ]] || {
    say "skipped: packages are installed by root"
    checks_end
    exit
}

folder=$(mktemp -d /tmp/pek-packages.XXXXXX)
chmod 755 "$folder"
root=$folder/root
data_set "$folder/data" # before anything is stopped that runs with other data
trap clean_up EXIT

clean_up() {
    local pid
    for pid in "${programs[@]}"; do
        # The bwrap, and the first process below it, with which the others go.
        # shellcheck disable=SC2046 # numbers
        kill -KILL $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    (stop_programs)
    rm -rf "$folder"
}
programs=()

# ---- before they are installed -------------------------------------------------------------------------------

lintian_is_content() {
    lintian --fail-on error,warning --allow-root "$PACKAGES"/*.deb
}

exposure_is_low() { # unit: at most 2.0 of 10
    systemd-analyze security --offline=true --threshold=20 --no-pager "$1"
}

# ---- the Debian that they are installed in -------------------------------------------------------------------

install_all() {
    local name archives=()
    for name in "${NAMES[@]}"; do
        archives+=("$(compgen -G "$PACKAGES/${name}_*.deb")")
    done
    mmdebstrap --quiet --variant=minbase --include=systemd \
        --customize-hook="mkdir \"\$1/tmp/pek\" && cp ${archives[*]} \"\$1/tmp/pek\"" \
        --customize-hook='chroot "$1" sh -c "apt-get install --yes --no-install-recommends /tmp/pek/*.deb"' \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root"
}

inside() { # command…
    chroot "$root" "$@"
}

owner_is() { # file mode owner
    [[ "$(inside stat --format '%a %U:%G' "$1")" == "$2 $3" ]]
}

is_conffile() { # package file
    inside dpkg-query --show --showformat='${Conffiles}' "$1" | grep -q "^ $2 "
}

# Each flag that the program has, and nothing that the formatter complains of.
manual_is_whole() { # program
    local flag page
    page=$(MANWIDTH=200 man --warnings -l "$root/usr/share/man/man8/$1.8.gz" 2>"$folder/complaints" | col -b)
    [[ ! -s $folder/complaints ]] || {
        cat "$folder/complaints"
        return 1
    }
    for flag in $(inside "/usr/bin/$1" --help | grep -o -- '--[a-z][-a-z0-9]*' | sort -u); do
        grep -qF -- "$flag" <<<"$page" || {
            echo "the man page does not have $flag"
            return 1
        }
    done
}

completes() { # program words… wanted: what is offered for the last word
    local program=$1 wanted=${*: -1} words=("${@:1:$#-1}")
    # shellcheck disable=SC2016 # for the other shell
    bash -c '. /usr/share/bash-completion/bash_completion; . "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE=$*; COMP_POINT=${#COMP_LINE}
        "_${1//-/_}" "$1" "${!#}" "" && printf "%s\n" "${COMPREPLY[@]}"' - \
        "$root/usr/share/bash-completion/completions/$program" "${words[@]}" | grep -qxF -- "$wanted"
}

# ---- started by hand -----------------------------------------------------------------------------------------

# PostgreSQL runs outside; here its socket is for everybody.
open_database() {
    postgres_start
    postgres_make_databases hub worker-acme
    chmod 711 "$(socket_dir)"
    chmod 777 "$(socket_dir)"/.s.PGSQL.*[0-9]
}

# As docs/operations.md has it, "On Debian".
configure() { # port of the hub, of the worker
    local etc=$root/etc/pek hub worker
    make_keys hub worker-acme
    hub=$(inside getent group pek-hub | cut -d: -f3)
    worker=$(inside getent group pek-worker | cut -d: -f3)
    install -m 644 "$DATA/keys/ca.crt" "$etc/public/ca.crt"
    install -m 644 "$DATA/keys/pek-hub.pub.pem" "$etc/public/hub_keys.pem"
    install -m 640 -g "$hub" "$DATA/keys/pek-hub.pem" "$etc/hub/hub_key.pem"
    install -m 640 -g "$hub" "$DATA/keys/pek-hub.crt" "$etc/hub/hub.crt"
    install -m 640 -g "$hub" "$DATA/keys/pek-hub.key" "$etc/hub/hub.key"
    # The file of the package, with what it leaves open.
    sed -i 's/^#\(hub_key\|tls_.*\) =/\1 =/; s/^listen = .*/listen = 127.0.0.1:'"$1/; s|^#database = .*|database = \"$(conninfo hub)\"|" "$etc/hub/hub.conf"
    echo "instances = worker-acme=127.0.0.1:$2" >>"$etc/hub/hub.conf"
    install -d -m 750 -g "$worker" "$etc/worker-acme"
    install -m 640 -g "$worker" "$DATA/keys/worker-acme.pem" "$etc/worker-acme/instance_key.pem"
    install -m 640 -g "$worker" "$DATA/keys/worker-acme.crt" "$etc/worker-acme/worker-acme.crt"
    install -m 640 -g "$worker" "$DATA/keys/worker-acme.key" "$etc/worker-acme/worker-acme.key"
    install -m 640 -g "$worker" "$root/usr/share/doc/pek-worker/examples/worker.conf" "$etc/worker-acme/worker.conf"
    sed -i "s|^listen = .*|listen = 127.0.0.1:$2|; s|^database = .*|database = \"$(conninfo worker-acme)\"|" "$etc/worker-acme/worker.conf"
}

# Runs a command line in there, as a user and group of there, and with no right besides. Not in a user namespace, where root's files
# would not be root's.
as_service() { # user group command…
    local user=$1 group=$2
    shift 2
    exec bwrap --unshare-pid --unshare-ipc --cap-add CAP_SETUID --cap-add CAP_SETGID --clearenv \
        --ro-bind "$root" / --proc /proc --dev /dev --tmpfs /tmp --bind "$(socket_dir)" "$(socket_dir)" --remount-ro / \
        --setenv PATH /usr/bin --setenv LC_ALL C.UTF-8 --setenv TZ UTC "${as_service_env[@]}" \
        -- /usr/bin/setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs "$@"
}
as_service_env=()

migrate() { # program user group configuration realm
    as_service_env=(--setenv PEK_DATABASE_OWNER "$(conninfo "$5" pek_owner)")
    as_service "$2" "$3" "/usr/bin/$1" --config "$4" migrate
}

unit_line() { # unit key instance
    sed -n "s/^$2=//p" "$root/lib/systemd/system/$1@.service" | sed "s/%i/$3/g"
}

# The line that systemd would run. nobody stands for the user that systemd makes for a worker.
run_line() { # unit key instance user group
    local line
    read -ra line <<<"$(unit_line "$1" "$2" "$3")"
    line[0]=${line[0]#-}
    as_service "$4" "$5" "${line[@]}"
}

answers() { # port path text
    local i
    for ((i = 0; i < 200; i++)); do
        curl --silent --max-time 2 "http://127.0.0.1:$1$2" | grep -q "$3" && return
        sleep 0.1
    done
    tail -n 5 "$folder"/*.log
    return 1
}

pekctl_sees() { # realm
    local i
    for ((i = 0; i < 100; i++)); do
        (as_service_env=(--setenv PEK_DATABASE_OWNER "$(conninfo hub pek_owner)") &&
            as_service pek-hub pek-hub /usr/bin/pekctl --config /etc/pek/hub/hub.conf instance list) | tee "$folder/list" | grep -q "$1.*SERVING" && return
        sleep 0.2
    done
    cat "$folder/list"
    return 1
}

start_line() { # unit instance user group: in the background
    (run_line "$1" ExecStart "$2" "$3" "$4") >"$folder/$1.log" 2>&1 </dev/null &
    programs+=("$!")
}

# ---- all of it -----------------------------------------------------------------------------------------------

if command -v lintian >/dev/null; then
    check "lintian finds nothing" lintian_is_content
else
    say "skipped: lintian is not installed"
fi
check "the packages install" install_all
for name in "${NAMES[@]}"; do
    check "$name says its version" inside "/usr/bin/$name" --version
    check "the man page of $name has all that --help has" manual_is_whole "$name"
done
for unit in pek-hub pek-worker; do
    check "the unit of $unit exposes little" exposure_is_low "$root/lib/systemd/system/$unit@.service"
    check "the unit of $unit is one" systemd-analyze verify --root="$root" --man=no "$unit@worker-acme.service"
done
check "the hub's configuration is kept when the package is upgraded" is_conffile pek-hub /etc/pek/hub/hub.conf
check "only root and the hub read its configuration" owner_is /etc/pek/hub/hub.conf 640 root:pek-hub
check "only root and the hub see its folder" owner_is /etc/pek/hub 750 root:pek-hub
check "there is a place for what anybody may read" owner_is /etc/pek/public 755 root:root
check "commands are completed" completes pek-worker pru prune-audit
check "flags are completed" completes pek-hub --site --site-folder
check "what follows a word is completed" completes pekctl instance dr drain
check "choices are completed" completes pek-hub --log-level wa warn

ports=$(free_ports 2)
open_database
configure "$ports" "$((ports + 1))"
check "the hub's migrations run" migrate pek-hub pek-hub pek-hub /etc/pek/hub/hub.conf hub
check "the worker's migrations run" migrate pek-worker nobody pek-worker /etc/pek/worker-acme/worker.conf worker-acme
check "the hub's configuration passes its unit's check" run_line pek-hub ExecStartPre 1 pek-hub pek-hub
check "the worker's configuration passes its unit's check" run_line pek-worker ExecStartPre worker-acme nobody pek-worker
start_line pek-worker worker-acme nobody pek-worker
start_line pek-hub 1 pek-hub pek-hub
check "the hub starts as its unit says, and is ready" answers "$ports" /readyz ready
check "the hub finds the web site" answers "$ports" / '<!doctype html>'
check "the worker starts as its unit says, and pekctl sees it" pekctl_sees worker-acme
check "the packages go" inside apt-get purge --yes "${NAMES[@]}"
check "no configuration of theirs stays" [ ! -e "$root/etc/pek/hub/hub.conf" ]
checks_end
