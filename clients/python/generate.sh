#!/usr/bin/env bash
# Writes attune_client/generated anew from openapi/openapi.json, or elsewhere: generate.sh [DIRECTORY].
#
# The pinned generator writes code for Python 3.9; later ones ask for 3.11.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

out=${1:-$PWD/attune_client/generated}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v openapi-python-client >/dev/null; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r generator.txt
    PATH=$work/venv/bin:$PATH
fi
python3 schema.py ../../openapi/openapi.json "$work/openapi.json"
rm -rf "$out"
openapi-python-client generate --fail-on-warning --meta none --config generator.yml --path "$work/openapi.json" --output-path "$out"
rm -rf "$out/.ruff_cache"
