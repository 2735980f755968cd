#!/usr/bin/env bash
# The Python client: its generated code is what the generator writes, its types hold, and it works with a running server.
#
# Exits with 77 where Python or PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

client=clients/python
venv=$PWD/target/ci-python-client-venv
work=$PWD/target/ci-python-client
attune=$PWD/target/debug/attune

mapfile -t pins <"$client/generator.txt"
pins+=(mypy==2.4.1 pytest==9.2.0 httpx==0.28.1 attrs==26.1.0 python-dateutil==2.9.0.post0)

source .ci/venv.sh

[[ -x $attune ]] || { echo "$attune is missing: cargo build --bin attune" >&2; exit 1; }
make_venv "$venv" idna==3.10
export PATH=$venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 ATTUNE_BIN=$attune
rm -rf "$work"
mkdir -p "$work"

"$client/generate.sh" "$work/generated"
diff --recursive --exclude=__pycache__ "$client/attune_client/generated" "$work/generated" ||
    { echo "attune_client/generated is not what openapi/openapi.json gives: run $client/generate.sh" >&2; exit 1; }
cd "$client"
mypy --cache-dir "$work/mypy"
python -m pytest --quiet -p no:cacheprovider --basetemp "$work/pytest"
