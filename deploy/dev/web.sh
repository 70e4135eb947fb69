# shellcheck shell=bash
# The web site: web/dist out of web/, made when something that it is made of has changed. web/README.md says why this is no target
# of Bazel.

# shellcheck source=deploy/dev/setup.sh
source "$PARTS/setup.sh"

readonly WEB=$ROOT/web

readonly web_help='usage: ./dev web [--check | --format]

Builds the web site, web/dist, when something that it is made of has changed. `./dev up` and `./dev test` do it by themselves.

  --check   types and layout of its sources, as ./dev lint does
  --format  lays its sources out'

# The types of the client, out of the document that the hub of this tree serves.
web_schema() {
    local document=$BUILD_DIR/openapi.json schema=$WEB/client/src/schema.ts
    mkdir -p "$BUILD_DIR"
    (cd "$ROOT" && bazel build --config=release //hub/site:describe >&2) ||
        die "the build failed; what it needs is installed by ./dev setup"
    "$(cd "$ROOT" && bazel info --config=release bazel-bin 2>/dev/null)/hub/site/describe" >"$document.new"
    if [[ -f $schema ]] && cmp -s "$document.new" "$document"; then
        rm "$document.new"
        return 0
    fi
    (cd "$WEB" && npx --no-install openapi-typescript "$document.new" --output "$schema.new" >/dev/null 2>&1) ||
        die "openapi-typescript cannot read $document.new"
    mv "$schema.new" "$schema"
    mv "$document.new" "$document"
}

# One line for everything that web/dist is made of.
web_sources() {
    find "$WEB" \( -name node_modules -o -path "$WEB/dist" -o -path "$WEB/client/dist" \) -prune -o -type f -print0 |
        sort -z | xargs -0 sha256sum | sha256sum
}

web_build() {
    web_schema
    [[ -f $WEB/dist/index.html && "$(web_sources)" == "$(cat "$BUILD_DIR/web-made-from" 2>/dev/null)" ]] && return 0
    say "dev: building the web site"
    (cd "$WEB" && npm run --silent build -- --logLevel warn) >&2 </dev/null || die "the web site cannot be built"
    web_sources >"$BUILD_DIR/web-made-from"
}

cmd_web() {
    help_if_asked "$web_help" "$@"
    (setup_programs)
    case ${1-} in
        '') web_build ;;
        --check) web_schema && (cd "$WEB" && npm run --silent check) ;;
        --format) (cd "$WEB" && npm run --silent format) ;;
        *) die "web does not know '$1'; see ./dev web --help" ;;
    esac
}

readonly shots_help='usage: ./dev shots [--data DIR] [FOLDER]

Takes a picture of each page of the web site, in both languages and themes and on a phone, of the federation that `./dev up` has started
with that data folder, into FOLDER (.pek/shots unless told), with an index.html to look through. It makes a few groups there.'

cmd_shots() {
    local data=$BUILD_DIR folder=$BUILD_DIR/shots port
    help_if_asked "$shots_help" "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
            --data)
                data=${2:?--data takes a folder}
                shift
                ;;
            -*) die "shots does not know '$1'; see ./dev shots --help" ;;
            *) folder=$1 ;;
        esac
        shift
    done
    [[ -f $data/run/state ]] || die "nothing runs with the data folder $data; ./dev up starts it"
    port=$(sed -n 's/^port=//p' "$data/run/state")
    (install_npm tests/e2e)
    node "$ROOT/tests/e2e/shots.mjs" "$port" "$folder"
    say "dev: look at $folder/index.html"
}
