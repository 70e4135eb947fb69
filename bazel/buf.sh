#!/bin/bash
# Runs buf where it finds protos/ as a module beside google/api of Debian's package, so that nothing is fetched.
#   bazel/buf.sh build | lint | breaking    what ./dev lint does; build also a module that uses it
#   bazel/buf.sh baseline                   what is in the tree becomes what later changes are compared with
# Exit code 3: buf is not installed (./dev setup brings it with the clients of the end-to-end tests).
set -euo pipefail
cd "$(dirname "$0")/.."

baseline=$PWD/protos/baseline.binpb.gz
google=/usr/share/gocode/src/github.com/gogo/googleapis/google/api
buf=$(command -v buf || echo "$PWD/tests/e2e/node_modules/@bufbuild/buf-linux-x64/bin/buf")
[[ -x $buf ]] || exit 3

workspace=$(mktemp -d)
trap 'rm -rf "$workspace"' EXIT
mkdir -p "$workspace/googleapis/google/api"
cp -R protos "$workspace/protos"
cp "$google/annotations.proto" "$google/http.proto" "$workspace/googleapis/google/api"
printf 'version: v1\n' >"$workspace/googleapis/buf.yaml"
printf 'version: v1\ndirectories: [protos, googleapis]\n' >"$workspace/buf.work.yaml"
export HOME=$workspace # buf keeps a cache there

cd "$workspace"
case ${1:-} in
    build)
        # As somebody elsewhere uses it: a module of theirs beside it.
        mkdir consumer
        printf 'version: v1\n' >consumer/buf.yaml
        printf '%s\n' 'syntax = "proto3";' 'package consumer;' 'import "pek/group/v1/group.proto";' \
            'message Mine {' '  pek.group.v1.Group group = 1;' '}' >consumer/mine.proto
        printf 'version: v1\ndirectories: [protos, googleapis, consumer]\n' >buf.work.yaml
        "$buf" build
        ;;
    lint) "$buf" lint protos ;;
    breaking)
        status=0
        "$buf" breaking protos --against "$baseline" || status=$?
        # And what is said by options, at which buf does not look.
        "$buf" build "$baseline" -o before.json
        "$buf" build protos -o now.json
        node "$OLDPWD/bazel/lint/promises.mjs" before.json now.json || status=$?
        exit "$status"
        ;;
    baseline) "$buf" build protos -o "$baseline" ;;
    *)
        sed -n '2,5s/^# //p' "$OLDPWD/bazel/buf.sh" >&2
        exit 2
        ;;
esac
