#!/usr/bin/env bash
# Artifacts on S3, against moto's server: the tests of the artifact store, and a walk through a running attune.
#
# Exits with 77 where Python or PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=target/ci-s3
attune=target/debug/attune

source .ci/s3_venv.sh
[[ -x $attune ]] || { echo "$attune is missing: cargo build --bin attune" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"
"$venv/bin/python" .ci/s3_walk.py "$attune" "$work"
