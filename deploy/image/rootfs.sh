#!/bin/bash
# rootfs.sh PROGRAMS SITE ROOT: makes ROOT, the files of the container image, of
#   PROGRAMS   a folder with pek-hub, pek-worker and pekctl, as ./dev builds them
#   SITE       the web site that was built (web/dist)
# and of the Debian packages that the programs are linked with. There is no shell and no other program in it. Libraries that
# none of the programs loads are left out, as are documents (licences stay), translations and conversion tables.
set -euo pipefail

[[ $# -eq 3 ]] || {
    echo "usage: rootfs.sh PROGRAMS SITE ROOT" >&2
    exit 2
}
programs=$(realpath "$1") site=$(realpath "$2") root=$(realpath --canonicalize-missing "$3")
here=$(cd "$(dirname "$0")" && pwd)
names=(pek-hub pek-worker pekctl)
user=65532

# The packages that the programs are linked with, one a line. dpkg-shlibdeps wants to stand beside a debian/control.
linked_packages() {
    local work=$root.control
    mkdir -p "$work/debian"
    printf 'Source: pek\n\nPackage: pek\nArchitecture: any\n' >"$work/debian/control"
    (cd "$work" && dpkg-shlibdeps -O "${names[@]/#/$programs/}" >packages 2>said) || {
        cat "$work/said" >&2
        exit 1
    }
    sed 's/^shlibs:Depends=//; s/([^)]*)//g; s/ //g; s/,/\n/g' "$work/packages"
    rm -r "$work"
}

# The release of this machine: the programs were linked with its libraries.
release() {
    # shellcheck source=/dev/null
    (. /etc/os-release && printf '%s\n' "$VERSION_CODENAME")
}

# Unpacked, nothing is run in it: no package's script, so no shell is needed.
unpack_packages() {
    local packages
    packages=$(linked_packages)
    mmdebstrap --quiet --variant=extract --skip=cleanup/apt \
        --include="$(printf '%s\nca-certificates\n' "$packages" | paste -sd,)" "$(release)" "$root" 2>"$root.log" || {
        cat "$root.log" >&2
        exit 1
    }
    rm "$root.log"
}

# What scanners of images read: which package, of which version.
remember_packages() {
    local archive
    mkdir -p "$root/var/lib/dpkg/status.d"
    for archive in "$root"/var/cache/apt/archives/*.deb; do
        dpkg-deb --field "$archive" >"$root/var/lib/dpkg/status.d/$(dpkg-deb --field "$archive" Package)"
    done
    find "$root/var/lib/dpkg" -mindepth 1 -maxdepth 1 ! -name status.d -exec rm -r {} +
}

# The script of ca-certificates does this where packages are installed.
join_authorities() {
    mkdir -p "$root/etc/ssl/certs"
    cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
    chmod 644 "$root/etc/ssl/certs/ca-certificates.crt"
}

add_programs() {
    local name
    mkdir -p "$root/usr/bin" "$root/usr/share/pek" "$root/etc/pek"
    for name in "${names[@]}"; do
        install -m 755 "$programs/$name" "$root/usr/bin/$name"
        strip --strip-unneeded "$root/usr/bin/$name"
    done
    cp -r "$site" "$root/usr/share/pek/site"
    rm -rf "$root/usr/share/pek/site/.vite"
    mkdir -p "$root/usr/share/doc/pek"
    install -m 644 "$here/../../LICENSE" "$root/usr/share/doc/pek/copyright"
}

# Names for the numbers that programs and libraries ask for, and where names of hosts are looked up.
write_names() {
    printf 'root:x:0:0:root:/:/usr/sbin/nologin\npek:x:%s:%s:PEK:/:/usr/sbin/nologin\n' $user $user >"$root/etc/passwd"
    printf 'root:x:0:\npek:x:%s:\n' $user >"$root/etc/group"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
    chmod 644 "$root/etc/passwd" "$root/etc/group" "$root/etc/nsswitch.conf"
}

# A link to /lib/… leads out of the folder, as long as it is a folder of this machine.
turn_links() {
    local link
    find "$root/lib" "$root/lib64" "$root/usr/lib" -type l -lname '/*' | while read -r link; do
        ln -sfr "$root$(readlink "$link")" "$link"
    done
}

# The files that the loader of the image itself opens for a program, by the names that it asks for and by those that they lead to.
loaded_files() {
    local name
    for name in "${names[@]}"; do
        bwrap --ro-bind "$root" / --unshare-all /lib64/ld-linux-x86-64.so.2 --list "/usr/bin/$name" |
            sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^[[:blank:]]*\(\/[^ ]*\) .*/\1/p'
    done | sort -u | while read -r name; do
        printf '%s\n%s\n' "$(realpath "$(dirname "$root$name")")/$(basename "$name")" "$(realpath "$root$name")"
    done | sort -u
}

trim() {
    local keep file
    (
        cd "$root"
        rm -rf dev var/cache var/lib/apt var/log usr/share/{man,locale,perl5,lintian,bug,gcc,gdb}
        rm -rf etc/{apt,dpkg,debconf.conf,fstab,hostname,resolv.conf}
    )
    find "$root/usr/share/doc" -type f ! -name copyright -delete
    find "$root/usr/share/doc" -type l ! -name copyright ! -lname '[^/]*' -delete
    find "$root"/usr/{bin,sbin} -type f ! -name 'pek*' -delete 2>/dev/null || true
    find "$root"/usr/{bin,sbin} -type l -delete 2>/dev/null || true
    keep=$(loaded_files)
    find "$root/lib" "$root/usr/lib" ! -type d | while read -r file; do
        grep -qxF "$file" <<<"$keep" || rm "$file"
    done
    find "$root" -mindepth 1 -type d -empty -delete
    # What a runtime mounts something on, since it cannot make folders in an image that is read only.
    mkdir -p "$root"/{dev,proc,sys,tmp,run,etc/pek}
    chmod 1777 "$root/tmp"
}

rm -rf "$root"
mkdir -p "$(dirname "$root")"
unpack_packages
remember_packages
join_authorities
add_programs
write_names
turn_links
trim
