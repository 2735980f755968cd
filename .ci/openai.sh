#!/usr/bin/env bash
# Walks OpenAI's routes with its own Python client, against the demo model.
#
# Exits with 77 where Python or PyPI is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(openai==3.57.0)
venv=target/ci-openai-venv
work=target/ci-openai
attune=target/debug/attune

source .ci/venv.sh

# The line that the server prints when it is ready names the port that the system gave it.
address() {
    sed -n 's|.* is ready on \(http://[^ ]*\) .*|\1|p' "$work/log"
}

start_server() {
    rm -rf "$work"
    mkdir -p "$work"
    "$attune" serve --offline --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
    for _ in $(seq 300); do
        [[ -n $(address) ]] && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    echo "the server did not start:" >&2
    tail -n 20 "$work/log" >&2
    return 1
}

make_venv "$venv" idna==3.10
[[ -x $attune ]] || { echo "$attune is missing: cargo build --bin attune" >&2; exit 1; }
start_server
"$venv/bin/python" tests/openai/walk.py "$(address)"
