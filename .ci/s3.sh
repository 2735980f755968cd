#!/usr/bin/env bash
# Artifacts on S3, against moto's server: the tests of the artifact store, and a walk through a running attune.
#
# Exits with 77 where Python or PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=("moto[server]==5.2.5")
venv=target/ci-s3-venv
work=target/ci-s3
attune=target/debug/attune

source .ci/venv.sh

make_venv "$venv" idna==3.10
[[ -x $attune ]] || { echo "$attune is missing: cargo build --bin attune" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"
# Nothing of the caller's own account may come into this.
for name in $(compgen -e AWS_ || true); do unset "$name"; done
"$venv/bin/python" .ci/s3_walk.py "$attune" "$work"
