#!/usr/bin/env bash
# Sends the server what no honest client sends: it must refuse with a reason, live, keep its memory and cut slow clients off.
set -euo pipefail

attune=target/debug/attune
command -v python3 >/dev/null || { echo "SKIPPED: there is no python3"; exit 77; }
cut=()
if "$attune" serve --help | grep -q -- --header-timeout; then
    cut=(--cut 5)
fi
PYTHONDONTWRITEBYTECODE=1 python3 tests/hostile/hostile.py --attune "$attune" --slow-seconds 5 "${cut[@]}"
