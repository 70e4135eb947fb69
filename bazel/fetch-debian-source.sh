#!/bin/bash
# Brings the original tarball of each Debian source package that the build takes headers from into a
# cache folder, and checks it against the checksum pinned in WORKSPACE. Idempotent; does nothing when
# the tarballs are there. Called by ./dev setup: the build itself never touches the network.
#
# Debian machines seldom have deb-src entries. Rather than change the machine, this asks apt with a
# configuration and lists folder of its own, whose sources are the machine's own entries turned into
# deb-src; mirrors, proxies and keys stay what the machine has.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cache="${PEK_CACHE:-$HOME/.cache/pek}/debian-source"

# Prints "package file sha256" for each debian_source() of WORKSPACE.
pinned() {
    awk '
        /^debian_source\(/ { inside = 1; package = file = sum = "" }
        inside && match($0, /"[^"]*"/) { value = substr($0, RSTART + 1, RLENGTH - 2) }
        inside && /^ *package *=/ { package = value }
        inside && /^ *tarball *=/ { file = value }
        inside && /^ *sha256 *=/ { sum = value }
        inside && /^\)/ { print package, file, sum; inside = 0 }
    ' "$root/WORKSPACE"
}

verified() { # file sha256
    [[ -f $1 ]] && echo "$2  $1" | sha256sum --check --status
}

# Writes deb-src versions of the machine's Debian entries into $1.
source_entries() {
    local entry
    mkdir -p "$1"
    for entry in /etc/apt/sources.list.d/*.sources; do
        [[ -f $entry ]] || continue
        sed 's/^Types:.*/Types: deb-src/' "$entry" >"$1/$(basename "$entry")"
    done
    for entry in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -f $entry ]] || continue
        sed -n 's/^deb \(.*\)/deb-src \1/p' "$entry" >"$1/$(basename "$entry")"
    done
}

# Of the release that the machine has: its packaging may differ, the tarball must not.
fetch() { # package file sha256
    local work status=0
    work=$(mktemp -d)
    mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/download"
    source_entries "$work/sources"
    cat >"$work/apt.conf" <<CONF
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$work/sources";
Dir::State::Lists "$work/lists";
Dir::Cache "$work/cache";
Dir::Cache::Archives "$work/archives";
APT::Sandbox::User "";
Acquire::Languages "none";
CONF
    (
        export APT_CONFIG="$work/apt.conf"
        apt-get -qq update
        cd "$work/download"
        apt-get -qq source --download-only "$1"
    ) || status=$?
    if [[ $status -eq 0 ]] && verified "$work/download/$2" "$3"; then
        mkdir -p "$cache"
        mv "$work/download/$2" "$cache/$2"
    else
        echo "fetch-debian-source: $2 of source package $1 did not arrive, or is not the one pinned" >&2
        status=1
    fi
    rm -rf "$work"
    return "$status"
}

while read -r package file sum; do
    if verified "$cache/$file" "$sum"; then
        continue
    fi
    fetch "$package" "$file" "$sum"
done < <(pinned)
