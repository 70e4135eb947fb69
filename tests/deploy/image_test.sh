#!/bin/bash
# The container image, run as a cluster runs it: a hub, a worker and pekctl out of its files alone, in a namespace of their own,
# read only, as a user who is not root, as process 1, without a capability. Ends with `N passed, N failed`.
# ./dev image has made .pek/image/rootfs.tar.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
PARTS=$ROOT/deploy/dev
# shellcheck source=tests/deploy/check.sh
source "$ROOT/tests/deploy/check.sh"
# shellcheck source=deploy/dev/common.sh
source "$PARTS/common.sh"
# shellcheck source=deploy/dev/up.sh
source "$PARTS/up.sh"

readonly IMAGE=$BUILD_DIR/image
[[ -f $IMAGE/rootfs.tar ]] || die "there is no $IMAGE/rootfs.tar; ./dev image makes it"

# The program is a child of the bwrap whose number is known.
inner_pid() { # name
    local pid
    pid=$(program_pid "$1") && tr ' ' '\n' <"/proc/$pid/task/$pid/children" | grep -m 1 .
}

# bwrap passes no signal on.
clean_up() {
    local name pid
    for name in pek-hub worker-acme; do
        ! pid=$(inner_pid "$name") || kill -KILL "$pid"
    done
    (stop_programs)
    rm -rf "$folder"
}

folder=$(mktemp -d /tmp/pek-image.XXXXXX)
chmod 755 "$folder"
data_set "$folder/data" # before anything is stopped that runs with other data
trap clean_up EXIT
mkdir "$folder/image" "$folder/bin"
tar --extract --file "$IMAGE/rootfs.tar" --directory "$folder/image"

# A program of the image: bin/NAME runs it there. Nothing of this machine is seen but the data folder and the database's socket.
# As root one would be root outside, so another user is taken: PostgreSQL's, whose socket it is.
make_program() { # name
    cat >"$folder/bin/$1" <<PROGRAM
#!/bin/bash
exec $([[ $(id -u) -ne 0 ]] || echo setpriv --reuid=postgres --regid=postgres --init-groups --) \
bwrap --unshare-all --share-net --as-pid-1 --uid 65532 --gid 65532 --clearenv \
    --ro-bind $folder/image / --proc /proc --dev /dev --tmpfs /tmp --bind $(socket_dir) $(socket_dir) \
    --ro-bind $DATA/keys $DATA/keys --ro-bind $DATA/config $DATA/config --remount-ro / \
    --setenv PATH /usr/bin --setenv LC_ALL C.UTF-8 --setenv TZ UTC \
    -- /usr/bin/$1 "\$@"
PROGRAM
    chmod 755 "$folder/bin/$1"
}

is_confined() { # name: by what the kernel says of it
    local pid status
    pid=$(inner_pid "$1") && status=$(cat "/proc/$pid/status") || return 1
    grep -q '^NoNewPrivs:[[:blank:]]*1' <<<"$status" && grep -q '^CapEff:[[:blank:]]*0*$' <<<"$status" &&
        grep -q '^NSpid:.*[[:blank:]]1$' <<<"$status" && ! grep -q '^Uid:[[:blank:]]*0' <<<"$status"
}

ends_well() { # name: SIGTERM to process 1 drains, as a cluster asks for it
    local name=$1 pid i
    pid=$(inner_pid "$name") && kill -TERM "$pid" || return 1
    for ((i = 0; i < 600; i++)); do
        program_pid "$name" >/dev/null || break
        sleep 0.05
    done
    ! program_pid "$name" >/dev/null && tail -n 1 "$DATA/log/$name.log" | grep -q "$2"
}

files_are() { # find's words…: none but these
    [[ -z $(find "$folder/image" "$@" -print -quit) ]]
}

check "the image has less than 150 MB" [ "$(du -sm "$folder/image" | cut -f1)" -lt 150 ]
check "nothing in it is set-user-id" files_are -xdev -perm /6000
check "nothing in it may be written but /tmp" files_are -xdev ! -type l -perm /022 ! -path "$folder/image/tmp"
check "no program is in it but ours" files_are -type f -path '*bin/*' ! -name 'pek*'
check "no name of the machine that made it is in it" [ ! -e "$folder/image/etc/hostname" ]
check "scanners find which packages it has" grep -q '^Version: ' "$folder/image/var/lib/dpkg/status.d/libssl3"
postgres_own "$(socket_dir)"
for name in pek-hub pek-worker pekctl; do
    make_program "$name"
    check "$name starts" "$folder/bin/$name" --version
done

port=$(free_ports 2)
own_data() { # the programs' user reads keys and configuration
    [[ $(id -u) -ne 0 ]] || chown -R postgres "$DATA/keys" "$DATA/config"
}
# What bring_up would do at once, since the keys' owner is set between.
postgres_start
postgres_make_databases hub worker-acme
make_keys hub worker-acme
write_hub_config "$port" 1 "$((port + 1))" 1 false worker-acme
write_worker_config worker-acme "$((port + 1))" false
sed -i 's|^site_folder = .*|site_folder = /usr/share/pek/site|' "$DATA/config/pek-hub.conf"
own_data
check "the hub's migrations run in it" run_once migrate "$folder/bin/pek-hub" --config "$DATA/config/pek-hub.conf" migrate
check "the worker's migrations run in it" run_once migrate "$folder/bin/pek-worker" --config "$DATA/config/worker-acme.conf" migrate
check "check-config finds nothing" "$folder/bin/pek-worker" --config "$DATA/config/worker-acme.conf" check-config
sql hub pek_owner -f "$PARTS/demo_users.sql" >/dev/null
state_write "port=$port" hubs=1 "worker_port=$((port + 1))" replicas=1 plaintext=false "realms=hub worker-acme" "bin=$folder/bin"
check "hub and worker start, and the hub finds the worker serving" start_programs "$folder/bin" "$port" 1 "$((port + 1))" 1 worker-acme
check "the web site is served" hub_answers "$port" /
check "the hub is confined" is_confined pek-hub
check "the worker is confined" is_confined worker-acme
check "pekctl sees the worker" bash -c "'$folder/bin/pekctl' --config '$DATA/config/pek-hub.conf' instance list | grep -q 'worker-acme.*SERVING'"
check "a worker drains when it is told to end" ends_well worker-acme worker.stopped
check "a hub drains when it is told to end" ends_well pek-hub hub.stopped
checks_end
