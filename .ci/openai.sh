#!/usr/bin/env bash
# Walks OpenAI's routes with its own Python client, against the demo model.
#
# Exits with 77 where Python or PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(openai==3.57.0)
venv=target/ci-openai-venv
work=target/ci-openai

source .ci/venv.sh
source .ci/server.sh

make_venv "$venv" idna==3.10
start_server
"$venv/bin/python" tests/openai/walk.py "$(address)"
