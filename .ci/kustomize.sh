#!/usr/bin/env bash
# Renders deploy/base and every overlay, and looks for what the base must hold. Needs no cluster.
#
# Exits with 77 where neither kubectl nor kustomize is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if command -v kustomize >/dev/null; then
    render=(kustomize build)
elif command -v kubectl >/dev/null; then
    render=(kubectl kustomize)
else
    echo "SKIPPED: neither kustomize nor kubectl is installed"
    exit 77
fi

out=target/ci-kustomize
mkdir -p "$out"
for folder in deploy/base deploy/overlays/*/; do
    [[ -f $folder/kustomization.yaml ]] || continue
    rendered=$out/$(basename "$folder").yaml
    "${render[@]}" "$folder" >"$rendered"
    echo "$folder renders $(grep -c '^kind:' "$rendered") objects"
done

for kind in ConfigMap Deployment PersistentVolumeClaim Service ServiceAccount; do
    grep -qx "kind: $kind" "$out/base.yaml" || { echo "deploy/base renders no $kind" >&2; exit 1; }
done
if grep -q "^  namespace:" "$out/base.yaml"; then
    echo "deploy/base names a namespace; leave that to overlays" >&2
    exit 1
fi
