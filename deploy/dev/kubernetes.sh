# shellcheck shell=bash
# What tests/deploy/kubernetes.test.mjs looks at the manifests with. Debian has none of it, so it is built where Go is, and the schemas
# come from where pip is; what is not there is not checked, and the test says so.
#
#   .pek/bin/tools/kustomize, kubeconform
#   .pek/kubernetes/schemas/     of the cluster's own objects, as JSON schemas
#   .pek/kubernetes/definitions/ of cert-manager's and the Prometheus operator's objects, as they are installed

readonly kustomize_version=v5.7.1
readonly kubeconform_version=v0.8.0
readonly kubernetes_schemas_version=1.37.0 # of the Python package, not of the cluster
readonly cert_manager_version=v1.21.2
readonly prometheus_operator_version=v0.85.0

# A tool is made for a version, and made anew for another.
kubernetes_tool() { # module version
    local name=${1##*/} bin=$BUILD_DIR/bin/tools
    [[ $name != v[0-9] ]] || name=$(basename "${1%/*}")
    [[ "$(cat "$bin/$name.version" 2>/dev/null)" != "$2" ]] || return 0
    say "dev: building $name, once"
    (cd / && GOBIN=$bin GOFLAGS=-mod=mod go install "$1@$2") >&2 && printf '%s\n' "$2" >"$bin/$name.version"
}

# The folder of a Go module's files, which are read and not built.
module_folder() { # module version
    (cd / && GOFLAGS=-mod=mod go mod download -json "$1@$2") | sed -n 's/^[[:blank:]]*"Dir": "\(.*\)",$/\1/p'
}

# They name themselves and each other by addresses: here they are files beside each other.
kubernetes_schemas() {
    local folder=$BUILD_DIR/kubernetes
    [[ "$(cat "$folder/schemas.version" 2>/dev/null)" != "$kubernetes_schemas_version" ]] || return 0
    say "dev: fetching the schemas of the cluster's objects, once"
    rm -rf "$folder/schemas" "$folder/wheel"
    mkdir -p "$folder/schemas"
    python3 -m pip download --quiet --no-deps --dest "$folder/wheel" "kubernetes-validate==$kubernetes_schemas_version" >&2 &&
        python3 -m zipfile --extract "$folder"/wheel/*.whl "$folder/wheel/files" &&
        mv "$folder"/wheel/files/kubernetes_validate/kubernetes-json-schema/v1.3[0-9]*-strict "$folder/schemas/" &&
        find "$folder/schemas" -name '*.json' -exec sed -i 's|"\$id": "[^"]*"|"$comment": ""|; s|"/api/_definitions.json|"_definitions.json|' {} + &&
        rm -r "$folder/wheel" && printf '%s\n' "$kubernetes_schemas_version" >"$folder/schemas.version"
}

kubernetes_definitions() {
    local folder=$BUILD_DIR/kubernetes want="$cert_manager_version $prometheus_operator_version" from
    [[ "$(cat "$folder/definitions.version" 2>/dev/null)" != "$want" ]] || return 0
    say "dev: fetching the definitions of cert-manager's and the Prometheus operator's objects, once"
    rm -rf "$folder/definitions"
    mkdir -p "$folder/definitions"
    from=$(module_folder github.com/cert-manager/cert-manager "$cert_manager_version") &&
        cp "$from"/deploy/crds/cert-manager.io_{certificates,issuers}.yaml "$folder/definitions/" &&
        from=$(module_folder github.com/prometheus-operator/prometheus-operator "$prometheus_operator_version") &&
        cp "$from"/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml "$folder/definitions/" &&
        chmod -R u+w "$folder/definitions" && printf '%s\n' "$want" >"$folder/definitions.version"
}

# Says what is missing and goes on.
kubernetes_tools() {
    command -v go >/dev/null || {
        say "skipped: manifests are rendered and checked by tools that are built with Go, which is not here"
        return 1
    }
    mkdir -p "$BUILD_DIR/bin/tools" "$BUILD_DIR/kubernetes"
    kubernetes_tool sigs.k8s.io/kustomize/kustomize/v5 "$kustomize_version" || {
        say "skipped: kustomize could not be built, so no manifest is looked at"
        return 1
    }
    kubernetes_tool github.com/yannh/kubeconform/cmd/kubeconform "$kubeconform_version" ||
        say "dev: kubeconform could not be built"
    kubernetes_definitions || say "dev: the definitions could not be fetched"
    kubernetes_schemas || say "dev: the schemas could not be fetched"
}
