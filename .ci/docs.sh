#!/usr/bin/env bash
# Runs the commands and the code that the documentation prints: docs.sh [DOCUMENT...]. tests/docs/run.py says how.
#
# Exits with 77 where Python, curl or jq is missing. What needs PostgreSQL, moto's S3 or packages of PyPI is told as SKIPPED where they cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(openai==3.57.0 langchain-openai==1.7.4 pyyaml==6.0.3)
venv=$PWD/target/ci-docs-venv
work=target/ci-docs

source .ci/venv.sh

[[ -x target/debug/attune ]] || { echo "target/debug/attune is missing: cargo build --bin attune" >&2; exit 1; }
if ! command -v jq >/dev/null && [[ $EUID == 0 ]] && command -v apt-get >/dev/null; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends jq; } >&2 || true
fi
for tool in python3 curl jq; do
    command -v "$tool" >/dev/null || skip "$tool is not installed"
done

status=0
(make_venv "$venv" idna==3.10) || status=$?
case $status in
    0) export ATTUNE_DOCS_VENV=$venv PATH=$venv/bin:$PATH ;;
    77) ;; # as it said
    *) exit "$status" ;;
esac
# Where the check `peft` has installed torch, the documents' code has it, too, behind its own packages.
torch=target/ci-venv
if [[ -n ${ATTUNE_DOCS_VENV:-} && -f $torch/pins.txt ]]; then
    packages=$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')
    "$torch/bin/python" -c 'import sys; print(*(path for path in sys.path if path.endswith("-packages")), sep="\n")' >"$packages/torch.pth"
fi
rm -rf "$work"
python3 tests/docs/run.py target/debug/attune "$work" "$@"
