#!/usr/bin/env bash
# Renders deploy/base and every overlay, validates what comes out (.ci/manifests.py), and looks whether the dashboard, the alerts and the
# autoscalers name metrics that there are (.ci/metrics_names.py). Needs no cluster.
#
# The schemas of Kubernetes' own kinds and the Prometheus operator's models come with packages of PyPI. Where promtool is installed, it
# checks and tests the alerts, too. Exits with 77 where neither kubectl nor kustomize is installed, and, when all renders, where PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(kubernetes-validate==1.37.0 cloudcoil-models-prometheus-operator==0.80.1.0 promql-parser==0.11.0)
venv=target/ci-kustomize-venv
out=target/ci-kustomize
metrics=src/telemetry/metrics.rs

source .ci/venv.sh

if command -v kustomize >/dev/null; then
    render=(kustomize build)
elif command -v kubectl >/dev/null; then
    render=(kubectl kustomize)
else
    skip "neither kustomize nor kubectl is installed"
fi

rm -rf "$out"
mkdir -p "$out"
for folder in deploy/base deploy/overlays/*/; do
    rendered=$out/$(basename "$folder").yaml
    "${render[@]}" "$folder" >"$rendered"
    echo "$folder renders $(grep -c '^kind:' "$rendered") objects"
done
if grep -q "^  namespace:" "$out/base.yaml"; then
    echo "deploy/base names a namespace; leave that to overlays" >&2
    exit 1
fi
if grep -rn "^kind: Secret$" deploy; then
    echo "secrets are made elsewhere, and only named here" >&2
    exit 1
fi
sed -n '/^  groups:/,$ s/^  //p' deploy/prometheus/alerts.yaml >"$out/rules.yaml"
if command -v promtool >/dev/null; then
    promtool check rules "$out/rules.yaml"
    promtool test rules tests/deploy/alerts_test.yaml
fi

make_venv "$venv" idna==3.10
"$venv/bin/python" .ci/manifests.py "$out"/{base,cpu,gpu,production}.yaml
if [[ -f $metrics ]]; then
    "$venv/bin/python" .ci/metrics_names.py "$metrics" deploy/grafana/attune.json deploy/prometheus/alerts.yaml \
        deploy/overlays/production/{autoscaling,prometheus-adapter}.yaml
else
    echo "$metrics is not there: the names of metrics were not looked at"
fi
