# shellcheck shell=bash
# ./dev image: the container image of hub and worker.
# shellcheck source=deploy/dev/web.sh
source "$PARTS/web.sh"

readonly image_help='usage: ./dev image [--rootfs]

Builds the programs and the web site, and makes of them and of Debian packages the image that hub and worker share:

  .pek/image/rootfs       its files, as a folder
  .pek/image/rootfs.tar   the same
  .pek/image/pek.tar      the image, for a registry or a node (OCI archive); made where buildah is installed

  --rootfs   only the files, without asking for buildah

The role is the command: `pek-hub …`, `pek-worker …` or `pekctl …`. docs/operations.md tells how it is run.'

image_rootfs() { # folder
    say "dev: making $1/rootfs out of Debian packages"
    with_patience "still unpacking packages" "$ROOT/deploy/image/rootfs.sh" "$BUILD_DIR/bin/release" "$WEB/dist" "$1/rootfs" >&2 ||
        die "the image cannot be made"
    tar --create --file "$1/rootfs.tar" --directory "$1/rootfs" --sort=name --numeric-owner --owner=0 --group=0 \
        --mtime='2026-01-01 00:00:00Z' .
}

image_archive() { # folder
    local version
    version=$("$BUILD_DIR/bin/release/pek-hub" --version)
    (cd "$1" && buildah --storage-driver vfs --root "$1/store" --runroot "$1/run" build --quiet --isolation chroot \
        --file "$ROOT/deploy/image/Containerfile" --label "org.opencontainers.image.version=${version##* }" --tag pek . >&2 &&
        rm -f pek.tar &&
        buildah --storage-driver vfs --root "$1/store" --runroot "$1/run" push --quiet pek "oci-archive:$1/pek.tar:pek:${version##* }" >&2) ||
        die "buildah could not make the image"
    rm -rf "$1/store" "$1/run"
}

cmd_image() {
    local folder=$BUILD_DIR/image archive=true
    help_if_asked "$image_help" "$@"
    case ${1-} in
        '') ;;
        --rootfs) archive=false ;;
        *) die "image does not know '$1'; see ./dev image --help" ;;
    esac
    (setup_programs)
    (install_tools mmdebstrap bubblewrap)
    build_programs release
    web_build
    mkdir -p "$folder"
    image_rootfs "$folder"
    if [[ $archive == true ]] && command -v buildah >/dev/null; then
        image_archive "$folder"
        printf '%s\n' "$folder/pek.tar"
    else
        [[ $archive == false ]] || say "dev: buildah is not installed, so there is no $folder/pek.tar"
        printf '%s\n' "$folder/rootfs.tar"
    fi
}
